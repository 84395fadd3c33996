// SPDX-License-Identifier: MIT
//
// NMIs that do not come from raise_nmi() but from a vCPU's own timer or performance counter, as most of a kernel's come
// from the local APIC. The kernel queues their signals itself, so they are counted when they arrive:
//
//   timer   the signal says how often the timer expired besides (its overrun count): raised, and coalesced
//   perf    one signal per overflow. For one that finds the queue full the kernel sends SIGIO instead, which stays
//           blocked on a vCPU: that NMI is nowhere in the books, and what was due by CPU time cannot be told either
//
// They do not use the latch of nmi/line.hpp: each source has at most one signal of its own pending.
//
// Context: nmi, unless stated otherwise.
#pragma once

#include "base/counter.hpp"

#include <atomic>
#include <csignal>

namespace nmisim {

struct percpu;

/// What a vCPU knows of its own sources. The ids are written by the thread that arms the source, before its first
/// signal, and stay when it is disarmed: a late signal is still an NMI.
struct cpu_sources {
    std::atomic<int> timer{-1};   ///< timer id of the kernel, si_timerid
    std::atomic<int> perf_fd{-1}; ///< si_fd
    counter timer_raised;         ///< expirations, overruns included
    counter timer_overruns;
    counter perf_raised; ///< overflows that arrived
};

/// Books a signal of one of the vCPU's own sources as an NMI under way, which line.end() ends. False, and counted,
/// if it is none: a stray. Context: nmi, or the vCPU's thread with its NMI blocked.
bool adopt_nmi(percpu& cpu, const siginfo_t& info) noexcept;

} // namespace nmisim
