// SPDX-License-Identifier: MIT
//
// Which signals are ours. Dispositions are the process's, so a signal has one owner at a time: an interrupt, or a line of a
// machine. Signals outlive their owner: a late one must not meet SIG_DFL, which would end the process, so a handler of ours
// stays. It hands what is not ours to the handler that the program had there before we came (runtime/entry/forward.hpp).
//
//   free    never taken, or given back
//   taken   the owner's handler is installed. Where one of ours still stands, what was there before stays kept. Where a handler
//           of the program stands over ours, the signal is refused: that one may call ours, and it would go round in a circle.
//   given   back: free again. What the program has put over ours stays there.
//
// Under the control lock, all of it.
#pragma once

#include <csignal>

namespace nmisim::runtime {

using signal_handler = void (*)(int, siginfo_t*, void*);

/// Where a handler runs on a thread that has an alternate stack.
enum class handler_stack {
    alternate, ///< there (SA_ONSTACK): programs with small stacks need it
    in_use, ///< on the stack that the signal interrupts: for handlers that nest deeper than an alternate one has room
};

/// Installs `handler`, with SA_RESTART. `masked`: blocked in it beside the signal itself. 0, or the errno: EBUSY, it is taken or
/// somebody stands over us; else sigaction(2)'s.
int take_signal(int signo, signal_handler handler, const sigset_t& masked,
                handler_stack stack = handler_stack::alternate) noexcept;

/// `last` stays in the place of the owner's handler. Precondition: it is taken.
void give_signal_back(int signo, signal_handler last) noexcept;

/// A handler of ours stands there. Context: any.
bool is_installed(int signo) noexcept;

} // namespace nmisim::runtime
