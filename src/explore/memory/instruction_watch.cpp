// SPDX-License-Identifier: MIT
//
// A thread that a watch leads: it is held where the watch says so, or takes an NMI there.
#include "explore/memory/instruction_watch.hpp"
#include "explore/step/own_thread.hpp"
#include "explore/step/stepper.hpp"

#include <csignal>

#include <sys/syscall.h>

namespace nmisim::explore {

void stepped_thread::run_nmi(bool step) noexcept
{
    if (step) {
        stepping_ = true;
        arch::call_stepped(plan_.nmi);
        stepping_ = false;
        arch::forget_step();
    } else {
        plan_.nmi();
    }
    plan_.watch->nmi_ended();
}

// In the trap handler, whose frame lies above the interrupted one as a signal's would. Traps are taken for as long.
void stepped_thread::take_nmi() noexcept
{
    const std::uint64_t traps = std::uint64_t{1} << (SIGTRAP - 1);
    const auto change = [&](long how) {
        arch::raw_system_call(SYS_rt_sigprocmask, how, reinterpret_cast<long>(&traps), 0, sizeof traps);
    };
    const bool stepped = stepping_;
    change(SIG_UNBLOCK);
    run_nmi(stepped);
    change(SIG_BLOCK);
    stepping_ = stepped;
}

// Holds the thread as often as the watch says, and asks again.
template <class Ask>
void stepped_thread::ask_watch(const ucontext_t& at, const Ask& ask) noexcept
{
    for (;;) {
        const instruction_watch::next what = ask();
        if (what == instruction_watch::next::go_on)
            return;
        if (what == instruction_watch::next::nmi) {
            take_nmi();
            continue;
        }
        if (what == instruction_watch::next::wait) {
            waiting_in_ = -1;
            waiting_at_ = arch::ip(at);
        }
        hold(what == instruction_watch::next::wait ? phase::waiting : phase::paused);
    }
}

void stepped_thread::at_watch(ucontext_t& at) noexcept
{
    if (plan_.watch != nullptr)
        ask_watch(at, [&] { return plan_.watch->before(at); });
}

void stepped_thread::at_watched_call(const ucontext_t& at, const arch::system_call& call) noexcept
{
    ask_watch(at, [&] { return plan_.watch->before_call(at, call); });
}

void stepped_thread::waits() noexcept
{
    if (!plan_.stop_before_waiting)
        return;
    waiting_in_ = -1;
    waiting_at_ = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    instruction_watch* const watch = plan_.watch;
    plan_.watch = nullptr; // what follows is the explorer's own
    // Others run this code while this thread is held in it: no breakpoint of its step may stay there.
    const bool by_flag = arch::step_by_flag(true);
    hold(phase::waiting);
    static_cast<void>(arch::step_by_flag(by_flag));
    plan_.watch = watch;
}

void about_to_wait() noexcept
{
    if (own_thread.stepped != nullptr)
        own_thread.stepped->waits();
}

} // namespace nmisim::explore
