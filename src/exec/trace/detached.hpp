// SPDX-License-Identifier: MIT
//
// The detached form: nobody traces the command while it runs, so that a signal costs what it costs, and no stop. A thread is
// traced for the length of an execve only:
//
//   notified of an execve --seize, let it go on--> seized --program is there--> handler put in --> let go
//                                                     \--any other stop: the execve has failed--> let go
//
// An execve that fails (the search through PATH) makes no stop of its own. The thread stays seized until it executes something
// after all, a signal stops it, or it ends; nothing waits for it. One that somebody else traces (gdb inside) cannot be seized: its
// program has no handler, and the owner is told nothing.
//
// A sibling of supervisor.hpp, for strategies that need no stops.
#pragma once

#include "exec/trace/listener.hpp"
#include "exec/trace/remote_call.hpp"

#include <set>

namespace nmisim::exec {

/// What is done with a program that has just been executed. Context: control, in the thread that traces.
class injector {
public:
    injector() = default;
    virtual ~injector() = default;
    injector(const injector&) = delete;
    injector& operator=(const injector&) = delete;

    /// `tid` is the only thread of its process, before the first instruction of the program. Whether the handler is in.
    virtual bool inject(pid_t tid, remote_calls& remote, const remote_calls::meanwhile& answer) = 0;
    /// ... and what that came to; the thread goes on behind it.
    virtual void executed(pid_t tid, bool armed) = 0;
};

class detached {
public:
    detached(listener& l, int signal, injector& i) : listener_(l), signal_(signal), injector_(i) {}

    /// Answers calls that wait, and lets threads go on that have stopped. Does not wait.
    void work();
    /// Other children that have ended meanwhile.
    const std::set<pid_t>& ended() const noexcept { return ended_; }

private:
    void notified(const seccomp_notif& n);
    void stopped(pid_t tid, int status);
    void arm(pid_t tid);

    listener& listener_;
    const int signal_;
    injector& injector_;
    std::set<pid_t> executing_; ///< on their way to the exit of their execve
    std::set<pid_t> ended_;
};

} // namespace nmisim::exec
