// SPDX-License-Identifier: MIT
#include "rcu/srcu.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

/// Its read_lock() is its nmi_enter(): there is no state of the thread's that a task-level reader could use.
void read_pairs_srcu(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::srcu>(count);
}

void nmi_pairs_srcu(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::srcu>(count);
}

} // namespace nmisim::bench
