// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/srcu.hpp"

namespace nmisim {

nmi_entry nmi_entry_srcu(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::srcu>(kind, form);
}

} // namespace nmisim
