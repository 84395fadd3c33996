// SPDX-License-Identifier: MIT
//
// Whether a child that a stopped process forks goes on as the process itself would. A fork copies memory, registers and
// handlers. It does not copy other threads, children, timers, pending signals and locks; and it shares what lies behind
// descriptors and shared memory, so that one child would leave it changed for the next.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/trace/output.hpp"
#include "exec/trace/task.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nmisim::exec {

/// A file that is only read: its position is shared, and can be put back.
struct shared_position {
    int fd;
    std::uint64_t position;
};

struct forkable {
    std::string why_not; ///< empty: it can be forked
    std::vector<shared_position> positions;
    std::uintptr_t thread_id_at = 0; ///< where its C library keeps the thread's number; 0: not known
};

/// `output`: the pipes that it was given; nobody else reads them.
forkable forkable_of(const task& t, const output_pipes& output);

/// Where the process now stands in the file.
std::uint64_t position_of(pid_t pid, int fd);

} // namespace nmisim::exec
