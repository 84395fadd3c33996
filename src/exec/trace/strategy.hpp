// SPDX-License-Identifier: MIT
//
// What a run does at the stops of a traced program. The supervisor knows how to follow it; a strategy knows when an NMI is
// sent, and what is noted down. Siblings: src/exec/storm.hpp and those to come.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/trace/task.hpp"

namespace nmisim::exec {

class strategy {
public:
    strategy() = default;
    virtual ~strategy() = default;
    strategy(const strategy&) = delete;
    strategy& operator=(const strategy&) = delete;

    /// Whether tasks stop at the entry and the exit of each system call. Not to change within a run.
    virtual bool stops_at_calls() const noexcept { return false; }
    virtual void call_entry(task& /*t*/, const interrupted& /*at*/) {}
    virtual void call_exit(task& /*t*/, const interrupted& /*at*/) {}

    /// An NMI is about to be delivered; the handler has not run.
    virtual void delivery(task& /*t*/, const interrupted& /*at*/) {}

    /// A task is there from now on, and no longer.
    virtual void born(task& /*t*/) {}
    virtual void gone(task& /*t*/) {}
};

} // namespace nmisim::exec
