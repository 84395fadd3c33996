// SPDX-License-Identifier: MIT
//
// A child forked in the name of a stopped thread, and its run to the end, while the thread stays where it is:
//
//   forked --made a process like its parent's: session, number, registers--> signal queued --> runs --> ended, reaped
//
// It is our child (CLONE_PARENT), as the command is. It is followed only as long as it is one process with one thread; one that
// forks, or executes a program, is ended, and cannot stand for a run of its own.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/handlers/forkable.hpp"
#include "exec/handlers/function_call.hpp"
#include "exec/outcome.hpp"

#include <string>

namespace nmisim::exec {

struct forked_run {
    std::string why_not;  ///< it cannot stand for a run of its own; empty: it can
    bool stopped = false; ///< we were asked to stop
    placed_signal::state state = placed_signal::state::blocked;
    outcome what;
};

/// `signal` 0: none. `compared`: whose files are taken.
forked_run run_forked(const task& from, const forkable& how, int signal, const run_means& means,
                      const aspects& compared);

} // namespace nmisim::exec
