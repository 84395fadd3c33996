// SPDX-License-Identifier: MIT
#include "nmi/foreign_signal.hpp"

#include "base/own/own_pid.hpp"
#include "base/program_handler.hpp"
#include "nmi/origin.hpp"

namespace nmisim {

constinit std::array<std::atomic<const previous_action*>, 65> previous_actions{};
constinit std::atomic<std::uint64_t> foreign_ignored{0};

namespace {

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
    call_program_handler(kept->action, signo, info, context);
}

} // namespace nmisim
