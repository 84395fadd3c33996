// SPDX-License-Identifier: MIT
//
// Flavor memb where membarrier(2) is known to work: the same dispatcher without three loads and branches.
#define CONFIG_RCU_FORCE_SYS_MEMBARRIER 1
#include "nmi/entry/entry_table.hpp"
#include "rcu/memb.hpp"

namespace nmisim {

static_assert(!rcu::memb_asks);

nmi_entry nmi_entry_memb_forced(entry_kind kind, percpu_form form) noexcept
{
    return make_nmi_entry<rcu::memb>(kind, form);
}

} // namespace nmisim
