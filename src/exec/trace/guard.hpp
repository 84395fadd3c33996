// SPDX-License-Identifier: MIT
//
// What keeps a program from seeing the NMI's signal although it has never heard of it. A seccomp filter passes us three
// kinds of system calls, and no other is slowed down:
//
//   rt_sigaction of our signal       answered with success, and nothing is done: the handler stays. Programs that are about
//                                    to execute another reset *every* handler (posix_spawn, python, git), which would make
//                                    our signal deadly
//   rt_sigtimedwait, signalfd        made with a copy of the set without our signal, below the stack: who waits for every
//                                    signal must not be told of one that nobody sent
//
// Masks are not touched: a thread that blocks every signal gets no NMI.
#pragma once

#include "exec/trace/task.hpp"

namespace nmisim::exec {

/// For a child before its execve. Async-signal-safe. False: the kernel refused it.
bool install_filter(int signal) noexcept;

/// The thread has stopped at a call that the filter passed on. True: it must stop at that call's exit as well.
/// `own_handler` is set where the program wants a handler of its own for our signal.
bool guard_call(task& t, int signal, bool& own_handler) noexcept;
/// At that exit.
void put_argument_back(task& t) noexcept;

} // namespace nmisim::exec
