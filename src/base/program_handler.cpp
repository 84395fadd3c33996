// SPDX-License-Identifier: MIT
#include "base/program_handler.hpp"

#include "base/signal_mask.hpp"

#include <cstring>
#include <ucontext.h>

namespace nmisim {
namespace {

/// The kernel's mask is 8 bytes, and the rest of the context's is something else's memory.
constexpr std::size_t kernel_mask_bytes = 8;
constexpr int signals = 65;

sigset_t mask_while_handled(const struct sigaction& action, int signo, const void* context) noexcept
{
    sigset_t mask = signal_set();
    if (context != nullptr)
        std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, kernel_mask_bytes);
    for (int other = 1; other < signals; ++other)
        if (sigismember(&action.sa_mask, other) == 1)
            sigaddset(&mask, other);
    if ((action.sa_flags & SA_NODEFER) == 0)
        sigaddset(&mask, signo);
    return mask;
}

} // namespace

bool is_program_handler(const struct sigaction& action) noexcept
{
    if ((action.sa_flags & SA_SIGINFO) != 0)
        return action.sa_sigaction != nullptr;
    return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

void call_program_handler(const struct sigaction& action, int signo, siginfo_t* info, void* context) noexcept
{
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
