// SPDX-License-Identifier: MIT
//
// What a run does at the stops of a traced program. The supervisor knows how to follow it; a strategy knows when an NMI is
// sent, and what is noted down. One is src/exec/each_call.hpp.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/trace/task.hpp"

namespace nmisim::exec {

class output_pipes;
class wake_ups;

/// For a strategy that runs more than the command, at a stop of it.
struct run_means {
    output_pipes& output;
    wake_ups& wakes;
    int signal; ///< that stands for the NMI
    std::uint64_t timeout_ns;
};

class strategy {
public:
    strategy() = default;
    virtual ~strategy() = default;
    strategy(const strategy&) = delete;
    strategy& operator=(const strategy&) = delete;

    /// The command is about to be started.
    virtual void begins(const run_means& /*means*/) {}

    /// Whether tasks stop at the entry and the exit of each system call. Not to change within a run.
    virtual bool stops_at_calls() const noexcept { return false; }
    virtual void call_entry(task& /*t*/, const interrupted& /*at*/) {}
    virtual void call_exit(task& /*t*/, const interrupted& /*at*/) {}

    /// An NMI is about to be delivered; the handler has not run.
    virtual void delivery(task& /*t*/, const interrupted& /*at*/) {}

    /// A program is there, with the handler in it; none of its instructions has run.
    virtual void executed(task& /*t*/) {}

    /// Whether the task goes on by one instruction. Then stepped(), with the next one in front of it.
    virtual bool steps(const task& /*t*/) const noexcept { return false; }
    virtual void stepped(task& /*t*/) {}
    /// It has run onto a breakpoint. False: it is none of ours.
    virtual bool at_breakpoint(task& /*t*/) { return false; }

    /// A signal that is no NMI is about to be delivered. False: it is not.
    virtual bool own_signal(task& /*t*/, int /*signal*/) { return true; }

    /// Another process of ours, which is no task, has stopped or ended. True: it is the strategy's own.
    virtual bool other_stopped(pid_t /*pid*/, int /*status*/) { return false; }

    /// Nothing has stopped for a while; a short one where it waits for something that makes no stop.
    virtual void idle() {}
    virtual bool waits() const noexcept { return false; }

    /// How long it has kept the command waiting for runs of its own: no time of the command's.
    virtual std::uint64_t kept_waiting_ns() const noexcept { return 0; }

    /// A task is there from now on, and no longer.
    virtual void born(task& /*t*/) {}
    virtual void gone(task& /*t*/) {}
};

} // namespace nmisim::exec
