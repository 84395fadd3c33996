// SPDX-License-Identifier: MIT
//
// Several runs at a time: so many workers, each a process with a share of the calls. A process, not a thread, because a
// supervisor waits for every child of its process. What a worker has finished comes back through a pipe, one placement after
// the other; it ends when we do, and whatever it traces with it.
#pragma once

#include "exec/comparison.hpp"

#include <functional>

namespace nmisim::exec {

/// `work` runs in a worker, for 0 to count - 1; `done` here, in the order in which they are finished.
/// Errors: ended, as the first worker that met it; std::system_error.
void run_jobs(comparison& c, unsigned jobs, std::size_t count,
              const std::function<placement(std::size_t)>& work, const std::function<void(placement)>& done);

} // namespace nmisim::exec
