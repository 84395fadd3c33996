// SPDX-License-Identifier: MIT
//
// The handler that was there before, called as the kernel would have: with or without siginfo, with its own mask for as long
// as it runs, once only under SA_RESETHAND, and nested under SA_NODEFER. SIG_IGN and SIG_DFL do nothing: a default
// action, which may end the process, is never taken for a signal that was sent to somebody else's handler.
//
// What cannot be given back: the stack it runs on, and SA_RESTART, which are the kernel's choice before we run.
#include "runtime/entry/arrival.hpp"

#include "base/signal_mask.hpp"

namespace nmisim::runtime {
namespace {

bool is_handler(const struct sigaction& action) noexcept
{
    if ((action.sa_flags & SA_SIGINFO) != 0)
        return action.sa_sigaction != nullptr;
    return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

} // namespace

bool forward(interrupt_state& state, siginfo_t& info, void* context) noexcept
{
    const struct sigaction& action = state.previous;
    if (!is_handler(action))
        return false;
    const auto reset = static_cast<int>(SA_RESETHAND);
    if ((action.sa_flags & reset) != 0 &&
        state.previous_is_used_up.exchange(true, std::memory_order_relaxed)) // a claim, nothing with it
        return false;
    pthread_sigmask(SIG_BLOCK, &action.sa_mask, nullptr); // until ours returns: the kernel restores it then
    if ((action.sa_flags & SA_NODEFER) != 0 && sigismember(&action.sa_mask, state.signo) == 0)
        change_mask(SIG_UNBLOCK, state.signo);
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(state.signo, &info, context);
    else
        action.sa_handler(state.signo);
    return true;
}

} // namespace nmisim::runtime
