// SPDX-License-Identifier: MIT
//
// Starts a command for the detached form, with a guardian between us and it:
//
//   nmi-sim --> guardian --> command --> its children
//
// What the command leaves behind becomes the guardian's child, not ours, and the guardian ends all of it when we say so, or
// when we are gone: killed in any way, we leave no process behind that waits for an answer of ours. It tells us the command's
// status, which we, not being its parent, could not ask for.
#pragma once

#include "exec/trace/launch.hpp"

#include <optional>

namespace nmisim::exec {

class guarded_command {
public:
    /// Errors: std::system_error.
    guarded_command(const command& c, int signal);
    ~guarded_command();
    guarded_command(const guarded_command&) = delete;
    guarded_command& operator=(const guarded_command&) = delete;

    /// The command's, not the guardian's.
    pid_t pid() const noexcept { return pid_; }
    pid_t guardian() const noexcept { return guardian_; }
    /// It installs the filter and executes its program now. The listener's descriptor; -1: it has failed, see why_not().
    int go_on() noexcept;
    start_failure why_not() noexcept { return failure_told_by(failed_[0]); }

    /// Readable when the command has ended.
    int ended_descriptor() const noexcept { return ended_[0]; }
    /// Its status of waitpid. Nothing: it lives.
    std::optional<int> status() noexcept;
    /// All of its processes have ended, when this returns. How many had to be.
    unsigned end() noexcept;

    output_pipes output;

private:
    pid_t pid_ = -1;
    pid_t guardian_ = -1;
    bool over_ = false;
    std::array<int, 2> go_;
    std::array<int, 2> failed_;
    std::array<int, 2> ended_;
    std::array<int, 2> life_; ///< closed by us, or by our end
    std::array<int, 2> born_;
    std::array<int, 2> listener_{-1, -1};
};

} // namespace nmisim::exec
