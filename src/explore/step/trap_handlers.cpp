// SPDX-License-Identifier: MIT
//
// The handler of SIGTRAP, which arrives only for a single step or a breakpoint.
//
// Its mask holds every signal, the NMI's too: an NMI raised in the handler stays pending until sigreturn puts
// the old mask back, and is then delivered before one more instruction of the window runs. So the placement is exact.
// libc is not called, not even for errno, because a breakpoint may be planted in it.
#include "base/signal_mask.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/own_thread.hpp"
#include "explore/step/stepper.hpp"
#include "explore/step/system_call.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <sys/syscall.h>

namespace nmisim::explore {

constinit thread_local own_thread_state own_thread [[gnu::tls_model("initial-exec")]]{};

namespace {

// A clone may share the memory that own_thread is in, and a fork copies it; both inherit the trap flag.
stepped_thread* stepped_here() noexcept
{
    stepped_thread* t = own_thread.stepped;
    if (t == nullptr)
        return nullptr;
    const int tid = static_cast<int>(arch::raw_system_call(SYS_gettid));
    return t->tid() == tid || t->follows_into(tid) ? t : nullptr;
}

void step_over(breakpoint& b, ucontext_t& at) noexcept
{
    take_out(b);
    own_thread.step_over = b.address;
    arch::set_ip(at, b.address);
    arch::set_single_step(at, true);
}

void make_or_step_over(breakpoint& b, ucontext_t& at, const stepped_thread* t) noexcept
{
    if (t == nullptr ||
        !arch::make_step(at, original_instruction_at(b.address), {t->tid(), arch::stack_pointer(at)}))
        step_over(b, at);
}

void after_step(ucontext_t& at, stepped_thread* t) noexcept
{
    if (own_thread.step_over != 0) {
        if (breakpoint* b = find_breakpoint(own_thread.step_over))
            put_in(*b);
        own_thread.step_over = 0;
    }
    if (t == nullptr || !t->stepping())
        return arch::set_single_step(at, false); // inherited, or only stepped over a breakpoint
    t->trapped(at);
}

bool at_breakpoint(ucontext_t& at) noexcept
{
    breakpoint* b = find_breakpoint(arch::breakpoint_address(at));
    if (b == nullptr)
        return false;
    arch::set_ip(at, b->address);
    stepped_thread* t = stepped_here();
    if (b->kind == breakpoint_kind::watch) {
        if (t != nullptr)
            t->at_watch(at);
        make_or_step_over(*b, at, t);
    } else if (b->kind == breakpoint_kind::gate) {
        if (!can_be_made_elsewhere(arch::system_call_of(at).nr)) {
            if (t != nullptr)
                delivery::before_call(arch::system_call_of(at));
            step_over(*b, at);
        } else if (t != nullptr)
            t->at_gate(at);
        else
            make_system_call(at);
    } else if (b->owner == t && !t->passes_anchor()) {
        forget(*b);
        t->at_anchor(at);
    } else {
        make_or_step_over(*b, at, t);
    }
    return true;
}

void on_trap(int, siginfo_t* info, void* context)
{
    ucontext_t& at = *static_cast<ucontext_t*>(context);
    constexpr int by_breakpoint_instruction = 0x80; // SI_KERNEL: int3; aarch64 says TRAP_BRKPT
    const bool breakpoint_hit = info->si_code == by_breakpoint_instruction || info->si_code == TRAP_BRKPT;
    if (!breakpoint_hit) {
        if (arch::end_of_detour(at))
            return;
        after_step(at, stepped_here());
    } else if (arch::end_of_step(at)) {
        // No other thread has the breakpoint; a process that it has made has a copy of it.
        stepped_thread* const t = own_thread.stepped;
        after_step(at, t != nullptr && t->has_forked() ? stepped_here() : t);
    } else if (!at_breakpoint(at)) {
        if (arch::step_of_another_thread(at))
            return;
        // The program's own breakpoint: it ends as it would without the explorer.
        struct sigaction dfl {};
        dfl.sa_handler = SIG_DFL;
        sigaction(SIGTRAP, &dfl, nullptr);
        arch::set_ip(at, arch::breakpoint_address(at));
        return;
    }
    arch::prepare_step(at);
}

} // namespace

void install_handlers(int signal, function handler, delivery_note* note, int other, std::string_view maps)
{
    prepare_breakpoints(maps);
    take_signals(signal, handler, note, other);
}

void take_signals(int signal, function handler, delivery_note* note, int other)
{
    struct sigaction trap {};
    trap.sa_sigaction = on_trap;
    trap.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&trap.sa_mask);
    if (sigaction(SIGTRAP, &trap, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction of SIGTRAP");
    change_mask(SIG_UNBLOCK, SIGTRAP);

    delivery::begin(nth_signal::first, signal, handler, note, other);
}

} // namespace nmisim::explore
