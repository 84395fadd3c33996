// SPDX-License-Identifier: MIT
//
// A handler of the program's own, called by ours for a signal that is not ours, as the kernel would have called it:
//
//   SA_SIGINFO or not   is kept
//   the mask            is kept while it runs: what was blocked where the signal came, sa_mask, and the signal unless
//                       SA_NODEFER
//   SIG_IGN, SIG_DFL    nothing: a default action, which may end the process, is never taken
//   SA_RESETHAND        is the caller's: who keeps the action knows whether it has run
//   SA_ONSTACK, no SA_RESTART  cannot be given back: they are the kernel's choice before we run
#pragma once

#include <csignal>

namespace nmisim {

/// Something is to be called. Context: any.
bool is_program_handler(const struct sigaction& action) noexcept;

/// `context` is what the kernel gave our handler; null where a test calls. Precondition: is_program_handler().
/// Context: any signal handler. As async-signal-safe as the program's handler.
void call_program_handler(const struct sigaction& action, int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim
