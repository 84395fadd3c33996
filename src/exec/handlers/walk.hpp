// SPDX-License-Identifier: MIT
//
// One run of a handler, stepped from its first instruction on: what it executes, which system calls it makes, how deep its
// stack goes, and what it does to errno.
//
//   delivery --first instruction--> inside --returns, or leaves its stack--> over
//
// A signal that is delivered meanwhile begins a walk of its own inside.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/trace/arch.hpp"
#include "explore/step/stepper.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nmisim::exec {

class walk {
public:
    enum class state { inside, returned, jumped, too_long };

    walk(int signal, std::uintptr_t interrupted_sp) noexcept
        : signal_(signal), interrupted_sp_(interrupted_sp)
    {}

    /// The task is at the handler's first instruction. `errno_function`: the C library's __errno_location, or 0.
    void enter(pid_t tgid, pid_t tid, const saved_registers& r, std::uintptr_t errno_function);
    /// A signal has interrupted the handler, and its handler has returned: what is between is not this one's.
    void interrupted_there() noexcept { awaits_return_ = true; }
    /// ... has made one more step.
    state step(pid_t tid, const saved_registers& r, std::uint32_t most_steps);

    int signal() const noexcept { return signal_; }
    bool entered() const noexcept { return !ip_.empty(); }
    std::uintptr_t handler() const noexcept { return ip_.front(); }
    std::uint32_t steps() const noexcept { return static_cast<std::uint32_t>(ip_.size()); }
    bool on_alternate_stack() const noexcept { return frame_.stack_low != 0; }
    std::uint64_t stack_bytes() const noexcept;
    /// Before the handler, and now.
    std::optional<int> error_before() const noexcept { return error_before_; }
    std::optional<int> error_now(pid_t tid) const noexcept;
    const std::map<long, std::uint64_t>& system_calls() const noexcept { return system_calls_; }
    /// Of the last instruction: the system call that it makes; -1: none.
    long last_call() const noexcept { return last_call_; }
    std::uint64_t atomics() const noexcept { return atomics_; }
    /// /proc/PID/maps of its begin.
    const std::string& maps() const noexcept { return maps_; }
    /// Points into this walk.
    explore::recording recording() noexcept;

private:
    void note(pid_t tid, const saved_registers& r);
    bool left(std::uintptr_t sp) const noexcept;

    const int signal_;
    const std::uintptr_t interrupted_sp_;
    bool awaits_return_ = false;
    entered_handler frame_;
    std::uintptr_t lowest_sp_ = 0;
    std::uintptr_t errno_at_ = 0;
    std::optional<int> error_before_;
    std::vector<std::uintptr_t> ip_;
    std::vector<std::uintptr_t> sp_;
    std::vector<explore::code_bytes> code_;
    std::map<long, std::uint64_t> system_calls_;
    long last_call_ = -1;
    std::uint64_t atomics_ = 0;
    std::string maps_;
};

} // namespace nmisim::exec
