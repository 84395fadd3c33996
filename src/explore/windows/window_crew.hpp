// SPDX-License-Identifier: MIT
//
// Windows side by side: a process for each Linux CPU explores one window after the other, and hands each report to this
// process. The windows share nothing: each builds a machine of its own in children of its own.
// Context: control, in a process with one thread that ignores SIGPIPE.
#pragma once

#include "nmisim/explore.hpp"

#include <functional>
#include <vector>

namespace nmisim::explore {

struct window_job {
    std::function<any_report()> explore; ///< called in another process
    bool long_one = false;               ///< begun before the others
};

/// Explores all of them, `at_a_time`. `begins` is told before each, `ends` after it, in the order of `jobs`. False: it was asked to stop;
/// then `ends` was told those before the first that is missing. Errors: std::runtime_error if one of the processes ends
/// before its time; std::system_error if none can be had.
bool explore_side_by_side(const std::vector<window_job>& jobs, unsigned at_a_time,
                          const std::function<void(std::size_t)>& begins,
                          const std::function<void(std::size_t, any_report)>& ends);

} // namespace nmisim::explore
