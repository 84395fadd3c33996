// SPDX-License-Identifier: MIT
//
// The longest time that a handler has taken. Any vCPU may raise it. Relaxed: it is shown to people and orders nothing.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

struct duration_record {
    std::atomic<std::uint64_t> max_ns{0};     ///< of those that took at least nmi_longest_ns
    std::atomic<std::uint64_t> max_cpu_ns{0}; ///< thread CPU time of that call: less where it did not run
    std::atomic<std::uint64_t> too_long{0};   ///< calls that took at least nmi_longest_ns
    std::atomic<std::uint64_t> reported{0};   ///< of these, reported on standard error
};

} // namespace nmisim
