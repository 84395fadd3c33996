// SPDX-License-Identifier: MIT
#include "runtime/signals.hpp"

#include "base/program_handler.hpp"
#include "base/signal_mask.hpp"
#include "runtime/entry/forward.hpp"

#include <array>
#include <atomic>
#include <cerrno>

namespace nmisim::runtime {
namespace {

struct ownership {
    bool taken = false;                        ///< under the control lock
    std::atomic<signal_handler> ours{nullptr}; ///< installed last; null: never
};
constinit std::array<ownership, signals> owners{};

ownership& owner_of(int signo) noexcept
{
    return owners[static_cast<std::size_t>(signo)];
}

bool is_ours(int signo, const struct sigaction& now) noexcept
{
    // relaxed: compared, never called
    const signal_handler ours = owner_of(signo).ours.load(std::memory_order_relaxed);
    return ours != nullptr && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == ours;
}

int install(int signo, signal_handler handler, const sigset_t& masked, handler_stack stack) noexcept
{
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART | (stack == handler_stack::alternate ? SA_ONSTACK : 0);
    action.sa_mask = masked;
    if (sigaction(signo, &action, nullptr) != 0)
        return errno;
    owner_of(signo).ours.store(handler, std::memory_order_relaxed); // as in is_ours()
    return 0;
}

/// What was there is known before ours can run.
int keep_previous(int signo, const struct sigaction& now) noexcept
{
    kept_action& kept = kept_actions[static_cast<std::size_t>(signo)];
    if (owner_of(signo).ours.load(std::memory_order_relaxed) == nullptr) { // as in is_ours()
        kept.action = now;
        // (1) release: the action; pairs with entry/forward.cpp(1), entry/forward.cpp(2)
        kept.is_there.store(is_program_handler(now), std::memory_order_release);
        return 0;
    }
    if (is_ours(signo, now))
        return 0;
    if (is_program_handler(now))
        return EBUSY;
    kept.is_there.store(false, std::memory_order_relaxed); // the program wants none any more
    return 0;
}

} // namespace

int take_signal(int signo, signal_handler handler, const sigset_t& masked, handler_stack stack) noexcept
{
    struct sigaction now {};
    if (owner_of(signo).taken)
        return EBUSY;
    if (sigaction(signo, nullptr, &now) != 0)
        return errno;
    int error = keep_previous(signo, now);
    if (error == 0)
        error = install(signo, handler, masked, stack);
    owner_of(signo).taken = error == 0;
    return error;
}

void give_signal_back(int signo, signal_handler last) noexcept
{
    if (is_installed(signo))
        install(signo, last, signal_set(), handler_stack::alternate);
    owner_of(signo).taken = false;
}

bool is_installed(int signo) noexcept
{
    struct sigaction now {};
    return sigaction(signo, nullptr, &now) == 0 && is_ours(signo, now);
}

} // namespace nmisim::runtime
