// SPDX-License-Identifier: MIT
//
// The figures of an exec by name, for its --fail-if: `eintr>0`. As metric.hpp has those of a run.
#pragma once

#include "exec/exec_report.hpp"
#include "report/metric.hpp"

#include <vector>

namespace nmisim::exec {

/// Name, unit and meaning; `read` of a run is empty.
const std::vector<metric>& exec_metrics();

limit_result evaluate(const threshold& t, const exec_report& r);

} // namespace nmisim::exec
