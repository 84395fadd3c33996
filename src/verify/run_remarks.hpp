// SPDX-License-Identifier: MIT
//
// What a reader of the report should know beside the checks: a rate that was not reached, swaps that began late, a
// timeline that is not whole.
#pragma once

#include "nmisim/machine.hpp"
#include "verify/run_config.hpp"
#include "verify/run_report.hpp"

namespace nmisim {

/// Context: control, after the drain.
void add_remarks(const run_config& config, machine& of, run_report& report);

} // namespace nmisim
