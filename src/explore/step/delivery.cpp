// SPDX-License-Identifier: MIT
#include "explore/step/delivery.hpp"

#include "explore/step/fault_note.hpp"
#include "explore/step/kernel_action.hpp"
#include "explore/step/own_thread.hpp"
#include "explore/step/stepper.hpp"
#include "runtime/origin.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <sys/syscall.h>

namespace nmisim::explore {

namespace delivery {

namespace {

const std::uintptr_t sig_dfl = reinterpret_cast<std::uintptr_t>(SIG_DFL);
const std::uintptr_t sig_ign = reinterpret_cast<std::uintptr_t>(SIG_IGN);

/// One signal on its way.
struct way_of_signal {
    int signal = 0; ///< 0: there is none
    function simple_handler = nullptr;
    delivery_note* note = nullptr;
    kernel_action of_program{}; ///< while ours is in front of it
    kernel_action front{};      ///< ours, as it was put in front of `of_program` the last time
    bool has_front = false;
    bool in_front = false;
    bool raised = false;
    bool mask_of_a_call = false; ///< a call may have put a mask of its own in place before it is delivered
    int for_thread = 0;
};
constinit std::array<way_of_signal, 2> ways{};

way_of_signal& way_of(nth_signal n) noexcept
{
    return ways[static_cast<std::size_t>(n)];
}

kernel_action installed(const way_of_signal& w) noexcept
{
    kernel_action a{};
    set_action(w.signal, nullptr, &a);
    return a;
}

void install(const way_of_signal& w, const kernel_action& a) noexcept
{
    set_action(w.signal, &a, nullptr);
}

bool is_closed(const way_of_signal& w, const ucontext_t& at) noexcept
{
    return (*reinterpret_cast<const std::uint64_t*>(&at.uc_sigmask) & bit_of(w.signal)) != 0;
}

bool default_is_nothing(int signal) noexcept
{
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

void call_simple_handler(int signal)
{
    for (const way_of_signal& w : ways)
        if (w.signal == signal)
            return w.simple_handler();
}

// Our raise is for one thread, and comes to no other. What somebody else raises may come to a child with its memory.
bool comes_to(const stepped_thread& t, const siginfo_t& info) noexcept
{
    return (info.si_code == SI_QUEUE && info.si_pid == t.pid() &&
            info.si_value.sival_ptr == runtime::stamped(0).sival_ptr) ||
           t.tid() == arch::raw_system_call(SYS_gettid);
}

// A thread that got the signal from somebody else takes the handler alone.
void on_nmi(int signal, siginfo_t* info, void* context)
{
    ucontext_t& interrupted = *static_cast<ucontext_t*>(context);
    const nth_signal n = signal == way_of(nth_signal::second).signal ? nth_signal::second : nth_signal::first;
    way_of_signal& w = way_of(n);
    const kernel_action handler = w.of_program;
    stepped_thread* const t = own_thread.stepped;
    const bool ours = w.in_front && t != nullptr && t->tid() == w.for_thread && comes_to(*t, *info);
    if (ours) {
        w.in_front = false;
        w.raised = false;
        // Both were delivered: the other one's frame, which has its signal closed, is below this one.
        if (arch::ip(interrupted) == reinterpret_cast<std::uintptr_t>(on_nmi))
            for (way_of_signal& other : ways)
                other.raised = false;
        kernel_action back = handler;
        back.mask &= ~bit_of(SIGTRAP); // or a breakpoint in the handler would be the end
        if ((handler.flags & SA_RESETHAND) != 0)
            back.handler = sig_dfl;
        install(w, back);
        const std::uintptr_t at = arch::ip(interrupted);
        if (n == nth_signal::first)
            t->nmi_delivered(at);
        if (w.note != nullptr)
            w.note->handler_at.store(at, std::memory_order_relaxed); // read after the end of this process
    }
    // sigsuspend(), ppoll() and their like may have closed it, and the handler may meet a breakpoint.
    constexpr std::uint64_t trap = bit_of(SIGTRAP);
    if (!ours || w.mask_of_a_call)
        arch::raw_system_call(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&trap), 0, sizeof trap);
    fault_watch::handler_begins(interrupted.uc_stack);
    if (ours && n == nth_signal::first && t->steps_handler())
        t->run_handler(handler.handler, signal, info, interrupted);
    else if ((handler.flags & SA_SIGINFO) != 0)
        reinterpret_cast<void (*)(int, siginfo_t*, void*)>(handler.handler)(signal, info, context);
    else
        reinterpret_cast<void (*)(int)>(handler.handler)(signal);
    fault_watch::handler_ends();
    if (ours && n == nth_signal::first)
        t->handler_is_over(interrupted);
}

void gone_without(way_of_signal& w, without_handler what) noexcept
{
    if (w.note != nullptr)
        w.note->without.store(what, std::memory_order_relaxed); // read by this thread, or after its end
    w.raised = what != without_handler::ignored;
}

void put_in_front(way_of_signal& w) noexcept
{
    if (w.in_front)
        return;
    kernel_action now{};
    // The handler may make a system call through a gate, or meet a one-shot, or crash. What is taken differs from run to
    // run: the window may have installed a handler of crashes on its way.
    const std::uint64_t open = bit_of(SIGTRAP) | fault_watch::taken();
    if (w.has_front) { // mostly the program's is the same as before: one call does it
        w.front.mask = w.of_program.mask & ~open;
        set_action(w.signal, &w.front, &now);
        w.in_front = now == w.of_program;
        if (w.in_front)
            return;
        install(w, now);
    } else {
        now = installed(w);
    }
    if (now.handler == sig_ign || (now.handler == sig_dfl && default_is_nothing(w.signal)))
        return gone_without(w, without_handler::ignored);
    if (now.handler == sig_dfl)
        return gone_without(w, without_handler::default_action);
    w.of_program = now;
    kernel_action ours = now;
    ours.handler = reinterpret_cast<std::uintptr_t>(on_nmi);
    ours.flags = (now.flags | SA_SIGINFO) & ~static_cast<unsigned long>(SA_RESETHAND);
    ours.mask &= ~open;
    w.in_front = true;
    install(w, ours);
    w.front = ours;
    w.has_front = true;
}

void put_back(way_of_signal& w) noexcept
{
    if (w.in_front)
        install(w, w.of_program);
    w.in_front = false;
}

// The mask that a call puts in place while it sleeps. nullptr: it has none.
const std::uint64_t* mask_of(const arch::system_call& call) noexcept
{
    switch (call.nr) {
    case SYS_rt_sigsuspend: return reinterpret_cast<const std::uint64_t*>(call.arg[0]);
    case SYS_ppoll: return reinterpret_cast<const std::uint64_t*>(call.arg[3]);
    case SYS_epoll_pwait: return reinterpret_cast<const std::uint64_t*>(call.arg[4]);
    case SYS_pselect6: {
        const auto* both = reinterpret_cast<const std::uintptr_t*>(call.arg[5]);
        return both != nullptr ? reinterpret_cast<const std::uint64_t*>(both[0]) : nullptr;
    }
    default: return nullptr;
    }
}

bool makes_ignored(const way_of_signal& w, const arch::system_call& call) noexcept
{
    const auto* set = reinterpret_cast<const kernel_action*>(call.arg[1]);
    return call.nr == SYS_rt_sigaction && call.arg[0] == w.signal && set != nullptr &&
           set->handler == sig_ign;
}

} // namespace

void begin(nth_signal n, int signal, function handler, delivery_note* note, int other)
{
    way_of_signal& w = way_of(n);
    w.signal = signal;
    w.simple_handler = handler;
    w.note = note;
    if (signal == 0)
        return;
    struct sigaction ours {};
    if (sigaction(signal, nullptr, &ours) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction");
    if (handler == nullptr)
        return;
    ours.sa_handler = call_simple_handler;
    ours.sa_flags = SA_RESTART;
    sigfillset(&ours.sa_mask);
    sigdelset(&ours.sa_mask, SIGTRAP);
    if (other != 0)
        sigdelset(&ours.sa_mask, other);
    if (sigaction(signal, &ours, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction");
}

int signal(nth_signal n) noexcept
{
    return way_of(n).signal;
}

bool has_handler(nth_signal n) noexcept
{
    const std::uintptr_t now = installed(way_of(n)).handler;
    return now != sig_dfl && now != sig_ign;
}

int raise_in(int pid, int tid, int signal) noexcept
{
    siginfo_t info{};
    info.si_signo = signal;
    info.si_code = SI_QUEUE;
    info.si_value = runtime::stamped(0);
    info.si_pid = pid;
    return -static_cast<int>(
        arch::raw_system_call(SYS_rt_tgsigqueueinfo, pid, tid, signal, reinterpret_cast<long>(&info)));
}

void pending(const ucontext_t& at, int tid, nth_signal n) noexcept
{
    way_of(n).raised = true;
    way_of(n).mask_of_a_call = false;
    way_of(n).for_thread = tid;
    look(at);
}

void look(const ucontext_t& at) noexcept
{
    for (way_of_signal& w : ways)
        if (w.raised)
            is_closed(w, at) ? put_back(w) : put_in_front(w);
}

void before_call(const arch::system_call& call) noexcept
{
    const std::uint64_t* mask = mask_of(call);
    for (way_of_signal& w : ways) {
        if (!w.raised)
            continue;
        w.mask_of_a_call = w.mask_of_a_call || mask != nullptr || call.nr == SYS_rt_sigreturn;
        if (makes_ignored(w, call)) // POSIX: what is pending is discarded
            gone_without(w, without_handler::ignored);
        else if (call.nr == SYS_rt_sigreturn || (mask != nullptr && (*mask & bit_of(w.signal)) == 0))
            put_in_front(w);
    }
}

bool depends_on(long nr) noexcept
{
    constexpr long epoll_pwait2 = 441; // Linux 5.11, the same number everywhere
    switch (nr) {
    case SYS_rt_sigprocmask:
    case SYS_rt_sigaction:
    case SYS_rt_sigsuspend:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case epoll_pwait2: return true;
    default: return false;
    }
}

void over() noexcept
{
    for (way_of_signal& w : ways) {
        put_back(w);
        w.raised = false;
    }
}

bool is_open(const ucontext_t& at, nth_signal n) noexcept
{
    return !is_closed(way_of(n), at);
}

bool one_waits(const ucontext_t& at) noexcept
{
    return std::any_of(ways.begin(), ways.end(),
                       [&at](const way_of_signal& w) { return w.raised && is_closed(w, at); });
}

} // namespace delivery

} // namespace nmisim::explore
