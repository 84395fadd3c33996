// SPDX-License-Identifier: MIT
//
// What keeps a program from seeing the NMI's signal although it has never heard of it. A seccomp filter passes us three
// kinds of system calls, and no other is slowed down:
//
//   rt_sigaction of our signal       answered with success, and nothing is done: the handler stays. Programs that are about
//                                    to execute another reset *every* handler (posix_spawn, python, git), which would make
//                                    our signal deadly
//   rt_sigtimedwait, signalfd        made with a set without our signal: who waits for every signal must not be told of one
//                                    that nobody sent. A tracer puts a copy below the stack; the detached form, which has
//                                    no registers to change, takes it out of the program's own set
//
// Masks are not touched: a thread that blocks every signal gets no NMI.
#pragma once

#include "exec/trace/listener.hpp"
#include "exec/trace/task.hpp"

namespace nmisim::exec {

/// Whom the filter passes calls on to; a listener is told of execve and execveat, too.
enum class passed_to { tracer, listener };
/// For a child before its execve. Async-signal-safe. 0, or the listener's descriptor; -1: errno says why.
int install_filter(int signal, passed_to whom) noexcept;

/// The thread has stopped at a call that the filter passed on. True: it must stop at that call's exit as well.
/// `own_handler` is set where the program wants a handler of its own for our signal.
bool guard_call(task& t, int signal, bool& own_handler) noexcept;
/// At that exit.
void put_argument_back(task& t) noexcept;

/// Answers a call that is not about an exec.
void guard_notified_call(listener& l, const seccomp_notif& n, int signal) noexcept;

} // namespace nmisim::exec
