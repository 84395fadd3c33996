// SPDX-License-Identifier: MIT
//
// The life of a vCPU: a thread between cpu_up and cpu_down.
//
//   starting   every signal blocked (inherited); registers with RCU
//   online     NMI and IRQs are unblocked; runs its workload
//   asked      refuses raises, so that a storm of NMIs cannot keep it from leaving
//   leaving    waits for raises under way, blocks NMI and IRQs, takes queued ones off their lines
//   (ended)    unregistered from RCU; the thread ends with its NMI still blocked
//
// The order matters: a thread is registered before its first NMI can arrive and unregistered after its last, because a
// reader that is not registered has no protection. With flavor bp the NMI must also be blocked at the end
// (rcu/bp.hpp).
#pragma once

#include "nmi/irq/irq.hpp"
#include "nmi/percpu.hpp"
#include "nmi/record/backtrace.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace nmisim {

struct machine_state;

class vcpu_thread {
public:
    vcpu_thread(machine_state& machine, int number);
    ~vcpu_thread();

    /// Starts the thread; wait_online() returns when it takes NMIs. Context: control.
    /// Errors: std::system_error when the system refuses the thread.
    void start();
    void wait_online() noexcept;
    /// Asks the vCPU to leave, and refuses raises from now on; join() returns when its thread has ended.
    /// Context: control.
    void ask_to_leave() noexcept;
    void join() noexcept;

    bool running() const noexcept { return thread_.joinable(); }
    /// False while the vCPU is in its workload, a handler, or on its way out: join() would wait. Context: control.
    bool has_ended() const noexcept
    {
        return !running() || ended_.load(std::memory_order_relaxed); // join() orders what it did
    }
    bool stopping() const noexcept
    {
        return stop_.load(std::memory_order_relaxed);
    } // a flag, nothing with it
    percpu& area() noexcept { return area_; }
    const percpu& area() const noexcept { return area_; }
    int pinned_to() const noexcept { return pinned_to_; }
    /// Every NMI and IRQ sent so far has been taken, and its effects are visible. Context: control.
    bool drain(std::uint64_t deadline_ns);

    /// Code addresses that the vCPU is executing right now, innermost first, NMI handler included; empty if
    /// it did not answer within 200 ms. Context: control.
    std::vector<std::uintptr_t> backtrace();

    /// The two ends of the life of an online vCPU, for code that runs one on a thread of its own (exploration).
    /// Context: the vCPU's thread; come_online() with the NMI blocked. leave() leaves it blocked.
    void come_online();
    void leave();

private:
    class leaves_at_end;
    void run();
    void set_up(interrupt_line& line, int signo) const noexcept;
    void set_up_irqs();
    /// Its count is the reader of its flavor (rcu_ops::take_count).
    bool reads_by_count() const noexcept { return area_.count != &area_.own_count; }
    template <class Function>
    void for_each_line(Function f); ///< f(interrupt_line&, counter of what met the vCPU offline)
    template <class Function>
    void for_each_source(Function f); ///< f(cpu_source&); its NMIs are unblocked, and may interrupt this

    machine_state& machine_;
    percpu area_;
    std::unique_ptr<irq_cpu> irq_; ///< null without IRQ lines
    std::thread thread_;
    std::atomic<bool> stop_{false};
    std::atomic<int> online_{0};
    std::atomic<bool> ended_{false};     ///< nothing is left to do but to end the thread
    std::atomic<bool> reachable_{false}; ///< signals may be sent to the thread; changes as its lines do
    int pinned_to_ = -1;
    std::uint64_t online_since_ns_ = 0; ///< own thread only
    backtrace_request backtrace_; ///< here, not on a stack: the answer may come after the caller gave up
};

/// One round of a workload; returns soon. Context: vcpu.
void workload_round(machine_state& machine, percpu& area);

} // namespace nmisim
