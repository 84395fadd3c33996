// SPDX-License-Identifier: MIT
//
// What a reader of the report should know besides the checks: a rate that was not reached, NMIs that were not handled,
// swaps that began late, a timeline that is not whole. Context: control, after the drain.
#pragma once

#include "nmisim/machine.hpp"
#include "verify/run_config.hpp"
#include "verify/run_report.hpp"

#include <optional>

namespace nmisim {

void add_remarks(const run_config& config, machine& of, run_report& report);

/// The part of the NMIs asked for that were handled, at most 1; empty: none was asked for. Where an NMI is raised without
/// having been due (--rate max, source perf, a handler that raises one), it counts as asked for.
std::optional<double> handled_ratio(const run_report& report);

/// The remark on a run that handled less than a tenth of them, with what is likely to be the cause: such a run has
/// tested almost nothing, but its checks still pass.
std::optional<remark> few_handled(const run_report& report);

} // namespace nmisim
