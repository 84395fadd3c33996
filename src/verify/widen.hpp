// SPDX-License-Identifier: MIT
//
// Some faults open a window of nanoseconds. A run that shows a fault does not wait for chance: it widens the window
// deterministically, by options that a user can set for the correct code as well, and says so in its remarks. Context:
// control.
#pragma once

#include "verify/run_report.hpp"

#include <string>
#include <vector>

namespace nmisim {

/// Why the options beside `config.fault` leave it nothing to show, and what to do; empty if it can be seen. A fault that
/// cannot be seen would pass, and a pass with a fault says that the check is blind.
std::string contradicted(const run_config& config);

/// Sets what `config.fault` needs to be seen, where the configuration left it at its default.
/// Errors: std::invalid_argument when the fault cannot be shown with this flavor, build or configuration.
void widen_for_fault(run_config& config, std::vector<remark>& remarks);

} // namespace nmisim
