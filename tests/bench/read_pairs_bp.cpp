// SPDX-License-Identifier: MIT
#include "rcu/bp.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

void read_pairs_bp(unsigned count) noexcept
{
    repeat_read_pairs<rcu::bp>(count);
}

void nmi_pairs_bp(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::bp>(count);
}

} // namespace nmisim::bench
