// SPDX-License-Identifier: MIT
//
// vCPU hotplug: every interval, one vCPU that is picked at random goes offline, or comes back when it was
// offline. Its thread ends and a new one starts, while NMIs are raised and handlers are swapped. What belongs
// to the vCPU (its counters, its line, its checks) stays; what belongs to the thread (its registration with
// RCU, its signal mask, its NMI timers) goes and comes with it.
//
// Any vCPU may go, the last one too: unlike the kernel, whose last CPU stays. Kernel: torture_onoff() of
// kernel/torture.c, parameter onoff_interval.
#pragma once

#include "base/histogram.hpp"
#include "machine/paced_thread.hpp"

#include <cstdint>
#include <random>
#include <string>

namespace nmisim {

class machine;

class hotplug {
public:
    /// `interval_ns` 0: back to back. Context: control.
    hotplug(machine& target, std::uint64_t interval_ns, std::uint64_t seed);

    /// Runs in a thread of its own until stop(). Context: control.
    void start();
    /// vCPUs that are offline stay so. False if the change under way did not end within `timeout_ns`: a vCPU
    /// is stuck, and the thread that waits for it is left behind. Context: control.
    [[nodiscard]] bool stop(std::uint64_t timeout_ns) noexcept { return thread_.stop_within(timeout_ns); }

    // After stop(); the counts at any time.
    std::uint64_t offlined() const noexcept { return offlined_.read(); }
    std::uint64_t onlined() const noexcept { return onlined_.read(); }
    /// Times the system refused the new thread; the vCPU stayed offline, and is tried again.
    std::uint64_t failed() const noexcept { return failed_.read(); }
    const std::string& first_failure() const noexcept { return first_failure_; }
    const histogram& down() const noexcept { return down_; } ///< cpu_down(), from asked to ended
    const histogram& up() const noexcept { return up_; }     ///< cpu_up(), from started to online

private:
    void change(int cpu);

    machine& machine_;
    const std::uint64_t interval_ns_;
    std::mt19937_64 random_;
    counter offlined_;
    counter onlined_;
    counter failed_;
    std::string first_failure_;
    histogram down_;
    histogram up_;
    paced_thread thread_;
};

} // namespace nmisim
