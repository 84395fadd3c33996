// SPDX-License-Identifier: MIT
#include "explore/step/delivery.hpp"

#include "explore/step/fault_note.hpp"
#include "explore/step/kernel_action.hpp"
#include "explore/step/own_thread.hpp"
#include "explore/step/stepper.hpp"

#include <cerrno>
#include <system_error>

#include <sys/syscall.h>

namespace nmisim::explore::delivery {

namespace {

constexpr std::uint64_t bit_of(int signal) noexcept
{
    return std::uint64_t{1} << (signal - 1);
}

const std::uintptr_t sig_dfl = reinterpret_cast<std::uintptr_t>(SIG_DFL);
const std::uintptr_t sig_ign = reinterpret_cast<std::uintptr_t>(SIG_IGN);

constinit int the_signal = 0;
constinit function simple_handler = nullptr;
constinit delivery_note* the_note = nullptr;
constinit kernel_action of_program{}; ///< while ours is in front of it
constinit bool in_front = false;
constinit bool raised = false;
constinit int for_thread = 0;

kernel_action installed() noexcept
{
    kernel_action a{};
    set_action(the_signal, nullptr, &a);
    return a;
}

void install(const kernel_action& a) noexcept
{
    set_action(the_signal, &a, nullptr);
}

bool default_is_nothing(int signal) noexcept
{
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

void call_simple_handler(int)
{
    simple_handler();
}

// A thread that got the signal from somebody else takes the handler alone.
void on_nmi(int signal, siginfo_t* info, void* context)
{
    const kernel_action handler = of_program;
    stepped_thread* const t = own_thread.stepped;
    if (in_front && t != nullptr && t->tid() == for_thread &&
        for_thread == arch::raw_system_call(SYS_gettid)) {
        in_front = false;
        raised = false;
        kernel_action back = handler;
        back.mask &= ~bit_of(SIGTRAP); // or a breakpoint in the handler would be the end
        if ((handler.flags & SA_RESETHAND) != 0)
            back.handler = sig_dfl;
        install(back);
        const std::uintptr_t at = arch::ip(*static_cast<ucontext_t*>(context));
        t->nmi_delivered(at);
        if (the_note != nullptr)
            the_note->handler_at.store(at, std::memory_order_relaxed); // read after the end of this process
    }
    // sigsuspend(), ppoll() and their like may have closed it, and the handler may meet a breakpoint.
    constexpr std::uint64_t trap = bit_of(SIGTRAP);
    arch::raw_system_call(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&trap), 0, sizeof trap);
    fault_watch::handler_begins(static_cast<const ucontext_t*>(context)->uc_stack);
    if ((handler.flags & SA_SIGINFO) != 0)
        reinterpret_cast<void (*)(int, siginfo_t*, void*)>(handler.handler)(signal, info, context);
    else
        reinterpret_cast<void (*)(int)>(handler.handler)(signal);
    fault_watch::handler_ends();
}

void gone_without(without_handler what) noexcept
{
    if (the_note != nullptr)
        the_note->without.store(what, std::memory_order_relaxed); // read by this thread, or after its end
    raised = what != without_handler::ignored;
}

void put_in_front() noexcept
{
    if (in_front)
        return;
    const kernel_action now = installed();
    if (now.handler == sig_ign || (now.handler == sig_dfl && default_is_nothing(the_signal)))
        return gone_without(without_handler::ignored);
    if (now.handler == sig_dfl)
        return gone_without(without_handler::default_action);
    of_program = now;
    kernel_action ours = now;
    ours.handler = reinterpret_cast<std::uintptr_t>(on_nmi);
    ours.flags = (now.flags | SA_SIGINFO) & ~static_cast<unsigned long>(SA_RESETHAND);
    // The handler may make a system call through a gate, or meet a one-shot, or crash.
    ours.mask &= ~(bit_of(SIGTRAP) | fault_watch::taken());
    in_front = true;
    install(ours);
}

void put_back() noexcept
{
    if (in_front)
        install(of_program);
    in_front = false;
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

bool makes_ignored(const arch::system_call& call) noexcept
{
    const auto* set = reinterpret_cast<const kernel_action*>(call.arg[1]);
    return call.nr == SYS_rt_sigaction && call.arg[0] == the_signal && set != nullptr &&
           set->handler == sig_ign;
}

} // namespace

void begin(int signal, function handler, delivery_note* note)
{
    the_signal = signal;
    simple_handler = handler;
    the_note = note;
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
    if (sigaction(signal, &ours, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction");
}

int signal() noexcept
{
    return the_signal;
}

bool has_handler() noexcept
{
    const std::uintptr_t now = installed().handler;
    return now != sig_dfl && now != sig_ign;
}

void pending(const ucontext_t& at, int tid) noexcept
{
    raised = true;
    for_thread = tid;
    look(at);
}

void look(const ucontext_t& at) noexcept
{
    if (!raised)
        return;
    if (is_open(at))
        put_in_front();
    else
        put_back();
}

void before_call(const arch::system_call& call) noexcept
{
    if (!raised)
        return;
    if (makes_ignored(call)) // POSIX: what is pending is discarded
        return gone_without(without_handler::ignored);
    const std::uint64_t* mask = mask_of(call);
    if (call.nr == SYS_rt_sigreturn || (mask != nullptr && (*mask & bit_of(the_signal)) == 0))
        put_in_front();
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
    put_back();
    raised = false;
}

bool is_pending() noexcept
{
    return raised;
}

bool is_open(const ucontext_t& at) noexcept
{
    return (*reinterpret_cast<const std::uint64_t*>(&at.uc_sigmask) & bit_of(the_signal)) == 0;
}

} // namespace nmisim::explore::delivery
