// SPDX-License-Identifier: MIT
//
// Two threads of which one runs at a time: the reader and the updater of a map, led by the thread that
// explores. A worker stops at the boundary of its plan, before a system call that would put it to sleep, or
// at the end of its window. A wait that no gate announced (its address was not known) is seen in /proc as a
// sleeping thread, and its system call gets a gate for the next schedules.
//
// The process is bound to one Linux CPU: a hand-over is then one context switch, and the breakpoint of one
// thread is never run by the other meanwhile.
// Context: control, in the child process.
#pragma once

#include "explore/step/stepper.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace nmisim::explore {

enum class stop { at_boundary, waiting, ended, not_started };

/// Stays here until the parent finds it: every thread asleep, nobody left to wake one.
[[noreturn]] void stand_still() noexcept;

class worker {
public:
    /// Starts the thread, which runs `setup` and then waits.
    explicit worker(function setup);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Runs `window` until it stops.
    stop start(function window, const plan& p);
    /// Goes on from where it stopped; ended: stays ended.
    stop go_on();
    /// As go_on(), after the end of the other thread, until it no longer waits. Where nobody is left to wake it, the parent sees
    /// every thread asleep.
    stop go_on_alone();

    const stepped_thread& thread() const noexcept { return *stepped_; }
    /// The base of its thread-local storage; 0: not known here.
    std::uintptr_t thread_base() const noexcept { return thread_base_; }
    stop last() const noexcept { return last_; }

private:
    void body(function setup);
    stop wait_for_stop(bool alone);
    stop next_stop(bool alone);

    std::atomic<std::uint32_t> command_{0};
    std::atomic<std::uint32_t> ready_{0};
    std::unique_ptr<stepped_thread> stepped_;
    function window_ = nullptr;
    plan plan_{};
    bool quit_ = false;
    std::uintptr_t thread_base_ = 0;
    bool asleep_ = false; ///< in the kernel, not in the trap handler
    bool inside_ = false; ///< what it runs
    stop last_ = stop::ended;
    std::thread thread_; ///< last: starts when the rest is there
};

} // namespace nmisim::explore
