// SPDX-License-Identifier: MIT
//
// A child forked in the name of a stopped thread, and its run to the end, while the thread stays where it is or goes on:
//
//   forked --made a process like its parent's: session, number, registers--> held --signal, or none--> runs --> ended, reaped
//
// It is our child (CLONE_PARENT), as the command is. It is followed only as long as it is one process with one thread; one that
// forks, or executes a program, is ended, and cannot stand for a run of its own. One runs at a time: they share the output.
// Context: control, in the thread that traces; the task is stopped where the child is forked.
#pragma once

#include "exec/handlers/forkable.hpp"
#include "exec/handlers/function_call.hpp"
#include "exec/outcome.hpp"

#include <array>
#include <string>

namespace nmisim::exec {

struct forked_run {
    std::string why_not;  ///< it cannot stand for a run of its own; empty: it can
    bool stopped = false; ///< we were asked to stop
    placed_signal::state state = placed_signal::state::blocked;
    outcome what;
};

class forked_child {
public:
    forked_child(const task& from, const forkable& how, const run_means& means);
    ~forked_child();
    forked_child(const forked_child&) = delete;
    forked_child& operator=(const forked_child&) = delete;

    /// It goes on, with the signal before its next instruction; 0: without.
    void start(int signal);
    pid_t pid() const noexcept { return child_.tid; }
    /// It has stopped, or ended, with this status of waitpid.
    void take(int status);
    /// Waits for its end, and takes back what it wrote. `compared`: whose files are looked at.
    forked_run finish(const aspects& compared);

private:
    void take_signal(int number);
    void resume(int signal) const;

    const run_means means_;
    task child_; ///< its number is 0 when it has ended
    std::uintptr_t place_ = 0;
    std::uint64_t mask_ = 0;
    int signal_ = 0;
    std::uint64_t deadline_ns_ = 0;
    std::array<content, 2> before_;
    forked_run result_;
};

} // namespace nmisim::exec
