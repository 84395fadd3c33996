// SPDX-License-Identifier: MIT
//
// A sweep of a function as text.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

std::string function_text(const exec_report& r);
/// The options that repeat it: " --signal USR1 --function work".
std::string function_options(const exec_config& c);

} // namespace nmisim::exec
