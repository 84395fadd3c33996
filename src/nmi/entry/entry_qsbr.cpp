// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/qsbr.hpp"

namespace nmisim {

nmi_entry nmi_entry_qsbr(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::qsbr>(kind, form);
}

} // namespace nmisim
