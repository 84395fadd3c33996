// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/mb.hpp"

namespace nmisim {

nmi_entry nmi_entry_mb(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::mb>(kind, form);
}

} // namespace nmisim
