// SPDX-License-Identifier: MIT
//
// The samples of a profile as a timeline: a row for each thread, in it a slice for as long as sample after sample was in the same
// call of a function, as far as samples tell. A thread that used no CPU time for a while has a gap.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

/// Ends with a newline.
std::string profile_trace_json(const exec_report& r);

} // namespace nmisim::exec
