// SPDX-License-Identifier: MIT
//
// Flavor mb with liburcu's own fence, for comparison.
#include "rcu/tls.hpp"

#include "read_pairs.hpp"

#include <urcu/urcu-mb.h>

namespace nmisim::bench {
namespace {

struct liburcu_mb {
    static void read_lock() noexcept { urcu_mb_read_lock(); }
    static void read_unlock() noexcept { urcu_mb_read_unlock(); }
};

} // namespace

void read_pairs_liburcu_mb(unsigned count) noexcept
{
    repeat_read_pairs<liburcu_mb>(count);
}

} // namespace nmisim::bench
