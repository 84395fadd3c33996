// SPDX-License-Identifier: MIT
#include "runtime/entry/forward.hpp"

#include "base/own/own_pid.hpp"
#include "base/program_handler.hpp"
#include "runtime/origin.hpp"

namespace nmisim::runtime {

constinit std::array<kept_action, signals> kept_actions{};

namespace {

/// True if there is a handler to be called. One that wants to run once is taken away.
bool take_action(kept_action& kept) noexcept
{
    if ((static_cast<unsigned>(kept.action.sa_flags) & SA_RESETHAND) == 0)
        // (1) acquire: the action; pairs with signals.cpp(1)
        return kept.is_there.load(std::memory_order_acquire);
    // (2) acquire: as (1); pairs with signals.cpp(1)
    return kept.is_there.exchange(false, std::memory_order_acquire);
}

bool is_marked(const siginfo_t& info) noexcept
{
    const origin from = origin_of(info, own_pid());
    return from != origin::lost && from != origin::foreign;
}

} // namespace

void forward(int signo, siginfo_t* info, void* context) noexcept
{
    kept_action& kept = kept_actions[static_cast<std::size_t>(signo)];
    if (!is_marked(*info) && take_action(kept))
        call_program_handler(kept.action, signo, info, context);
    else
        kept.ignored.fetch_add(1, std::memory_order_relaxed); // for the books
}

} // namespace nmisim::runtime
