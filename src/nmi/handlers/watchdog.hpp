// SPDX-License-Identifier: MIT
//
// The hard-lockup detector, after kernel/watchdog.c and watchdog_perf.c. Each vCPU counts its ticks, which are
// maskable; the NMI, which is not, looks whether the count still grows. A vCPU that spins with its interrupts off takes
// no tick, and only an NMI can notice.
//
// Thresholds. The tick comes every 2/5 of watchdog_thresh, as the kernel's hrtimer. The kernel's NMI comes once per
// watchdog_thresh. One look without a tick since the last is a lock-up, so it is found after one to two thresholds.
// Here NMIs come at the rate of the run. So the handler skips those that come within a fifth of the threshold (the
// kernel's timestamp filter), and wants three looks in a row without a tick (its miss threshold). It finds the lock-up
// 3/5 to 4/5 of watchdog_thresh after the last tick, plus the NMI's delay.
//
//   ticking --look, no tick--> missed 1 --look, no tick--> missed 2 --look, no tick--> lock-up, reported once
//      ^---------- look, tick ----'------------------------------'-------- look, tick ------'
//
// A touch (touch_nmi_watchdog) restarts the count at the next look, and costs one look: the kernel's known delay.
//
// Context: nmi, but for the tick (irq) and the touch (any).
#pragma once

#include "base/counter.hpp"
#include "nmi/record/stack_snapshot.hpp"
#include "nmisim/callback.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace nmisim {

struct watchdog_thresholds {
    std::uint64_t thresh_ns; ///< kernel: watchdog_thresh, 10 s
    constexpr std::uint64_t tick_ns() const noexcept { return thresh_ns * 2 / 5; }
    constexpr std::uint64_t look_ns() const noexcept { return thresh_ns / 5; }
    static constexpr unsigned misses = 3;
};

/// The watchdog of one vCPU.
struct alignas(cacheline_size) watchdog_cpu {
    std::atomic<std::uint64_t> hrtimer_interrupts{0}; ///< by the tick on this vCPU
    std::atomic<std::uint64_t> last_tick_ns{0};
    std::atomic<bool> touched{false};

    // Own NMIs only.
    std::uint64_t hrtimer_interrupts_saved = 0;
    std::uint64_t last_look_ns = 0;
    unsigned missed = 0;
    bool told = false; ///< kernel: watchdog_hardlockup_warned
    counter looks;
    counter lockups;

    // The first lock-up.
    std::uint64_t after_ns = 0; ///< since the last tick
    stack_snapshot stack;
};

/// The tick. Context: irq, on the vCPU.
inline void watchdog_tick(watchdog_cpu& cpu, std::uint64_t at_ns) noexcept
{
    cpu.hrtimer_interrupts.fetch_add(1, std::memory_order_relaxed); // own NMIs look at it
    cpu.last_tick_ns.store(at_ns, std::memory_order_relaxed);
}

/// "This vCPU lives, although it does not tick." Context: any. Kernel: touch_nmi_watchdog().
inline void touch_nmi_watchdog(watchdog_cpu& cpu) noexcept
{
    cpu.touched.store(true, std::memory_order_relaxed); // a flag, nothing with it
}

/// One NMI's look at time `at_ns`; true if it found a lock-up that has not been reported yet.
/// Kernel: watchdog_hardlockup_check().
bool watchdog_hardlockup_check(watchdog_cpu& cpu, const watchdog_thresholds& limits,
                               std::uint64_t at_ns) noexcept;

/// All vCPUs' watchdogs: the job of a handler.
struct watchdog {
    watchdog(int cpus, watchdog_thresholds t)
        : limits(t), of(new watchdog_cpu[static_cast<std::size_t>(cpus)])
    {}
    const watchdog_thresholds limits;
    const std::unique_ptr<watchdog_cpu[]> of;
};

/// The function of a checked handler whose job is a watchdog. A lock-up fails the check `progress`. Returns 1.
int watchdog_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

} // namespace nmisim
