// SPDX-License-Identifier: MIT
#include "rcu/qsbr.hpp"
#include "read_pairs.hpp"

namespace nmisim::bench {

void read_pairs_qsbr(unsigned count) noexcept
{
    repeat_read_pairs<rcu::qsbr>(count);
}

void nmi_pairs_qsbr(unsigned count) noexcept
{
    repeat_nmi_pairs<rcu::qsbr>(count);
}

} // namespace nmisim::bench
