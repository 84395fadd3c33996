// SPDX-License-Identifier: MIT
//
// The reader that does not ask for membarrier(2), as in do_nmi if the kernel has that.
#define CONFIG_RCU_FORCE_SYS_MEMBARRIER 1
#include "rcu/memb.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

void read_pairs_memb(unsigned count) noexcept
{
    repeat_read_pairs<rcu::memb>(count);
}

void nmi_pairs_memb(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::memb>(count);
}

} // namespace nmisim::bench
