// SPDX-License-Identifier: MIT
//
// Starts the command: in a session of its own (Ctrl-C is ours, and many runs cannot share a terminal), standard input from a
// file or /dev/null, signals as we found them. A traced one waits until it is told to go on, and has the filter of
// guard.hpp. It dies with us.
#pragma once

#include "exec/trace/output.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nmisim::exec {

struct command {
    std::vector<std::string> argv;
    std::string stdin_file = "/dev/null";
    sigset_t mask{}; ///< that it starts with
};

/// What a child needs between its fork and its execve.
struct start_plan {
    /// Opens standard input. Errors: std::system_error.
    start_plan(const command& c, const output_pipes& output);
    ~start_plan();
    start_plan(const start_plan&) = delete;
    start_plan& operator=(const start_plan&) = delete;

    std::vector<char*> argv;
    int in = -1;
    int out = -1;
    int err = -1;
    int go = -1;
    int failed = -1;
    int listener = -1;  ///< a socket for the listener of the detached form; -1: traced, or neither
    int nmi_signal = 0; ///< 0: plain, it starts at once
    const sigset_t* mask = nullptr;
};
/// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void become(const start_plan& p) noexcept;
/// It waits for that, where it is not plain. `go`: the other end of the plan's.
void let_go_on(int& go) noexcept;

/// Why it has not become the program; 0: it has.
struct start_failure {
    int error = 0;
    bool filter = false; ///< the filter was refused, not the program
};
/// Waits until that is known. `failed`: the other end of the plan's.
start_failure failure_told_by(int failed) noexcept;

class launched {
public:
    /// `nmi_signal` 0: not traced, it starts at once. Errors: std::system_error.
    launched(const command& c, int nmi_signal);
    ~launched();
    launched(const launched&) = delete;
    launched& operator=(const launched&) = delete;

    pid_t pid() const noexcept { return pid_; }
    /// A traced one executes its program now.
    void go_on() noexcept { let_go_on(go_[1]); }
    start_failure why_not() noexcept { return failure_told_by(failed_[0]); }

    output_pipes output;

private:
    pid_t pid_ = -1;
    std::array<int, 2> go_;
    std::array<int, 2> failed_;
};

/// From now on what the command leaves behind becomes our child, and ends with its run.
void adopt_orphans() noexcept;
/// Kills and reaps every child that is left, and theirs. How many processes there were.
unsigned end_children() noexcept;

} // namespace nmisim::exec
