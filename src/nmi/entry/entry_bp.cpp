// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/bp.hpp"

namespace nmisim {

nmi_entry nmi_entry_bp(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::bp>(kind, form);
}

} // namespace nmisim
