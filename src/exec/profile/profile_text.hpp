// SPDX-License-Identifier: MIT
//
// A profile for people, and for tools that draw it.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

std::string profile_text(const exec_report& r);
/// One line a stack, "0 prog;main;work 17": for flamegraph.pl, inferno, speedscope.
std::string folded_text(const exec_report& r);

} // namespace nmisim::exec
