// SPDX-License-Identifier: MIT
//
// The controller: does one swap every interval, on absolute deadlines. The layer above says what a swap *is*
// (src/verify/parts/swapper.hpp), because there the faults differ.
//
// It runs as a thread of its own, or as the workload of a vCPU, where NMIs interrupt the publishing code
// itself: in the kernel, set_nmi_callback() is called on some CPU, and that CPU takes NMIs too.
#pragma once

#include "base/counter.hpp"
#include "machine/paced_thread.hpp"

#include <atomic>
#include <cstdint>
#include <functional>

namespace nmisim {

class domain_rcu;
struct trace_ring;

class controller {
public:
    /// `step` does one swap. Context of step: control. `interval_ns` 0: back to back.
    controller(std::uint64_t interval_ns, std::function<void()> step);

    /// Runs in a thread of its own, which RCU knows (call_rcu asks for that).
    /// Its timeline goes to `trace`, unless that is null; it keeps off the CPUs of `pinned_vcpus`.
    void start(const domain_rcu& rcu, trace_ring* trace = nullptr, int pinned_vcpus = 0);
    void stop() noexcept;
    /// The same, but gives up: false if its swap waits for a grace period that does not end. Then its thread goes on
    /// with what it uses. Context: control.
    [[nodiscard]] bool stop_within(std::uint64_t patience_ns) noexcept;

    /// Does a swap if one is due, and returns soon. For a vCPU's workload. Context: vcpu.
    void round();
    /// False: round() does nothing. Context: any.
    void enable(bool on) noexcept
    {
        // (1) release: all that a step uses; pairs with controller.cpp(1)
        enabled_.store(on, std::memory_order_release);
    }

    /// Context: any.
    std::uint64_t swaps() const noexcept { return swaps_.read(); }
    /// Swaps that began later than one interval after their time.
    std::uint64_t late() const noexcept { return late_.read(); }

private:
    void swap_now(std::uint64_t at_ns);

    const std::uint64_t interval_ns_;
    const std::function<void()> step_;
    std::atomic<bool> enabled_{false};
    std::uint64_t due_ns_ = 0;
    counter swaps_;
    counter late_;
    paced_thread thread_;
};

} // namespace nmisim
