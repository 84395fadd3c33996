// SPDX-License-Identifier: MIT
//
// The books of the modern dispatch, and of how long handlers take.
#pragma once

#include "base/counter.hpp"

#include <atomic>
#include <cstdint>

namespace nmisim {

/// Per CPU. Kernel: struct nmi_stats of arch/x86/kernel/nmi.c, and the per-CPU last_nmi_rip and swallow_nmi beside it. Written by
/// their own vCPU; `last_nmi_ip` also by its workload, in one store (local_touch_nmi).
struct nmi_stats {
    counter normal;         ///< events that the LOCAL chain claimed: sums of answers, as in the kernel
    counter swallow;        ///< unknown, but back-to-back after an NMI that served more than one event
    counter ignored;        ///< between stop_nmi and restart_nmi
    counter chained;        ///< NMIs that met chains at all
    counter chain_defaults; ///< of these, unclaimed
    counter defaults;       ///< default actions, of chains and of plain callbacks
    std::atomic<std::uintptr_t> last_nmi_ip{0};
    bool swallow_nmi = false;
    std::uint8_t claimed_reason = 0; ///< taken off the reason byte by this NMI, for the default action
};

/// The longest time that a handler has taken. Any vCPU may raise it. Relaxed: it is shown to people and orders nothing.
struct duration_record {
    std::atomic<std::uint64_t> max_ns{0};     ///< of those that took at least nmi_longest_ns
    std::atomic<std::uint64_t> max_cpu_ns{0}; ///< thread CPU time of that call: less where it did not run
    std::atomic<std::uint64_t> too_long{0};   ///< calls that took at least nmi_longest_ns
    std::atomic<std::uint64_t> reported{0};   ///< of these, reported on standard error
};

} // namespace nmisim
