// SPDX-License-Identifier: MIT
//
// The report of an exec as one self-contained page, as html_report.hpp has it for a run.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

std::string page_of(const exec_report& r);

} // namespace nmisim::exec
