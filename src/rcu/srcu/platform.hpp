// SPDX-License-Identifier: MIT
//
// What SRCU needs of the machine. The model test has another one of these. Nothing here needs liburcu.
#pragma once

#include "base/counter.hpp"

#include "add_then_fence.hpp" // base/<cpu family>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <sched.h>
#include <unistd.h>

namespace nmisim::rcu {

struct srcu_platform {
    template <class T>
    using atomic = std::atomic<T>;
    template <class T>
    using plain = T;
    using mutex = std::mutex;

    static constexpr std::size_t line_size = cacheline_size;

    /// Only a hint: the thread may be on another one by the time it counts. glibc reads it from the thread's rseq area,
    /// older ones ask the vDSO; both are async-signal-safe. If the kernel does not know, it is the last line for all.
    static unsigned current_cpu() noexcept { return static_cast<unsigned>(sched_getcpu()); }
    /// `order` says what it is: seq_cst.
    static void add_then_fence(std::atomic<std::uint64_t>& number, std::memory_order) noexcept
    {
        nmisim::add_then_fence(number, 1);
    }
    /// The same without the fence. For one reader at a time: without the lock prefix, which would be the fence.
    static void add_unfenced(std::atomic<std::uint64_t>& number) noexcept { this_cpu_add(number, 1); }
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
    /// Before a waiting updater looks for the round-th time again. Context: control, vcpu. In srcu.cpp.
    static void pause(unsigned round) noexcept;
};

/// More CPUs than these share lines.
inline constexpr std::size_t srcu_lines = 64;

/// For srcu_counters: lines for the CPUs that there are. Context: control.
inline std::uint32_t last_line_in_use() noexcept
{
    const long cpus = std::clamp(sysconf(_SC_NPROCESSORS_CONF), 1L, static_cast<long>(srcu_lines));
    return std::bit_ceil(static_cast<std::uint32_t>(cpus)) - 1;
}

} // namespace nmisim::rcu
