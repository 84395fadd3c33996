// SPDX-License-Identifier: MIT
#include "nmi/entry_table.hpp"
#include "rcu/memb.hpp"

namespace nmisim {

nmi_entry nmi_entry_memb(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::memb>(kind, form);
}

} // namespace nmisim
