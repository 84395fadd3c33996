// SPDX-License-Identifier: MIT
#include "nmi/foreign_signal.hpp"

#include "base/own_pid.hpp"
#include "base/signal_mask.hpp"
#include "nmi/origin.hpp"

#include <cstring>
#include <ucontext.h>

namespace nmisim {

constinit std::array<std::atomic<const previous_action*>, 65> previous_actions{};
constinit std::atomic<std::uint64_t> foreign_ignored{0};

namespace {

/// The kernel's mask is 8 bytes, and the rest of the context's is something else's memory.
constexpr std::size_t kernel_mask_bytes = 8;

/// What to call; null if nothing. One that wants to run once is taken away.
const previous_action* take_action(int signo) noexcept
{
    std::atomic<const previous_action*>& slot = previous_actions[static_cast<std::size_t>(signo)];
    // (1) acquire: the action; pairs with machine/interrupt_signal.cpp(1)
    const previous_action* kept = slot.load(std::memory_order_acquire);
    // (2) acquire: as (1); pairs with machine/interrupt_signal.cpp(1)
    while (kept != nullptr && (static_cast<unsigned>(kept->action.sa_flags) & SA_RESETHAND) != 0 &&
           !slot.compare_exchange_weak(kept, nullptr, std::memory_order_acquire)) {
    }
    return kept;
}

sigset_t mask_while_handled(const struct sigaction& action, int signo, const void* context) noexcept
{
    sigset_t mask = signal_set();
    if (context != nullptr)
        std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, kernel_mask_bytes);
    for (int other = 1; other < static_cast<int>(previous_actions.size()); ++other)
        if (sigismember(&action.sa_mask, other) == 1)
            sigaddset(&mask, other);
    if ((action.sa_flags & SA_NODEFER) == 0)
        sigaddset(&mask, signo);
    return mask;
}

} // namespace

void foreign_signal(int signo, siginfo_t* info, void* context) noexcept
{
    const bool of_timer = info->si_code == SI_TIMER && carries_mark(*info);
    if (of_timer || is_raised_here(*info, own_pid()))
        return;
    const previous_action* const kept = take_action(signo);
    if (kept == nullptr) {
        foreign_ignored.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const struct sigaction& action = kept->action;
    const sigset_t during = mask_while_handled(action, signo, context);
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &during, &before);
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(signo, info, context);
    else
        action.sa_handler(signo);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

} // namespace nmisim
