// SPDX-License-Identifier: MIT
#include "rcu/mb.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

void read_pairs_mb(unsigned count) noexcept
{
    repeat_read_pairs<rcu::mb>(count);
}

void nmi_pairs_mb(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::mb>(count);
}

} // namespace nmisim::bench
