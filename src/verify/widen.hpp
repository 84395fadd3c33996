// SPDX-License-Identifier: MIT
//
// Some faults open a window of nanoseconds. Rather than running until chance hits it, a run that shows a fault
// widens the window deterministically, by options that anybody can set for the correct code as well, and says
// so in its remarks. Context: control.
#pragma once

#include "verify/run_report.hpp"

namespace nmisim {

/// Sets what `config.fault` needs to be seen, where the configuration left it at its default.
/// Errors: std::invalid_argument when the fault cannot be shown with this flavor or build.
void widen_for_fault(run_config& config, std::vector<remark>& remarks);

} // namespace nmisim
