// SPDX-License-Identifier: MIT
#include "explore/step/lockstep.hpp"

#include "explore/memory/accesses.hpp"
#include "explore/replay/hold.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/watch/quick_look.hpp"

#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

constexpr std::uint64_t look_every_ns = 1'000'000;
constexpr unsigned looks_before_rest = 40;

// Only where a gate tells a wait (may_wait): other calls are made by the gate
// itself, and then it is the gate that sleeps.
void gate_behind(const quick_look& s) noexcept
{
    const bool is_told = s.system_call == SYS_futex || s.system_call == SYS_nanosleep ||
                         s.system_call == SYS_clock_nanosleep || arch::polls(s.system_call);
    const std::uintptr_t call = s.ip - arch::system_call_size();
    if (is_told && s.ip != 0 && is_system_call_at(call))
        (void)plant(call, breakpoint_kind::gate,
                    nullptr); // without it the next wait is found in /proc again
}

} // namespace

void stand_still() noexcept
{
    static constinit std::atomic<std::uint32_t> never{0};
    for (;;)
        futex_wait(never, 0);
}

worker::worker(function setup) : thread_([this, setup] { body(setup); })
{
    // (1) acquire: stepped_ is set; pairs with (2)
    while (ready_.load(std::memory_order_acquire) == 0)
        futex_wait(ready_, 0);
}

worker::~worker()
{
    quit_ = true;
    command_.fetch_add(1, std::memory_order_release); // (3) release: quit_ or the plan; pairs with (4)
    futex_wake(command_);
    thread_.join();
}

void worker::body(function setup)
{
    call(setup);
    stepped_ = std::make_unique<stepped_thread>();
    thread_base_ = own_thread_base();
    std::uint32_t done = 0;
    ready_.store(1, std::memory_order_release); // (2) release: stepped_ is set; pairs with (1)
    futex_wake(ready_);
    for (;; ++done) {
        // (4) acquire: quit_ or the plan; pairs with (3), (5)
        while (command_.load(std::memory_order_acquire) == done)
            futex_wait(command_, done);
        if (quit_)
            break;
        stepped_->run(window_, plan_);
    }
    stepped_.reset();
}

stop worker::start(function window, const plan& p)
{
    window_ = window;
    plan_ = p;
    asleep_ = false;
    context_begins();
    stepped_->about_to_run();
    command_.fetch_add(1, std::memory_order_release); // (5) release: the plan; pairs with (4)
    futex_wake(command_);
    return wait_for_stop(false);
}

stop worker::go_on()
{
    if (last_ == stop::ended)
        return last_;
    context_begins();
    if (!asleep_)
        stepped_->resume();
    return wait_for_stop(false);
}

stop worker::go_on_alone()
{
    if (last_ != stop::ended)
        context_begins();
    do {
        if (last_ == stop::ended)
            break;
        if (!asleep_)
            stepped_->resume();
        wait_for_stop(true);
    } while (last_ == stop::waiting);
    return last_;
}

stop worker::wait_for_stop(bool alone)
{
    last_ = next_stop(alone);
    const bool inside = last_ != stop::ended;
    count_inside(inside - inside_);
    inside_ = inside;
    return last_;
}

stop worker::next_stop(bool alone)
{
    std::uint64_t switches = 0;
    unsigned same = 0;
    for (;;) {
        switch (stepped_->wait_while_running(look_every_ns)) {
        case phase::paused: asleep_ = false; return stop::at_boundary;
        case phase::waiting: asleep_ = false; return stop::waiting;
        case phase::ended: asleep_ = false; return stop::ended;
        case phase::idle:
        case phase::running: break;
        }
        const quick_look s = look_at(stepped_->tid());
        same = s.asleep && s.switches == switches ? same + 1 : 0;
        switches = s.switches;
        if (same == 0)
            continue;
        gate_behind(s);
        asleep_ = true;
        if (!alone)
            return stop::waiting;
        if (same >= looks_before_rest) // if nobody is left to wake it either, the parent sees that
            stepped_->wait_while_running();
    }
}

} // namespace nmisim::explore
