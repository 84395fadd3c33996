// SPDX-License-Identifier: MIT
#include "rcu/nmi.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

void read_pairs_nmi(unsigned count) noexcept
{
    repeat_read_pairs<rcu::nmi>(count);
}

void nmi_pairs_nmi(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::nmi>(count);
}

} // namespace nmisim::bench
