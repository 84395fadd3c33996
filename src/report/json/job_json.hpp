// SPDX-License-Identifier: MIT
//
// What the handlers of a run found out, as JSON. Internal to report.
#pragma once

#include "report/json/json_value.hpp"
#include "verify/run_report.hpp"

namespace nmisim {

/// Adds the member of each job to the report's object; null where it was not the handlers' job.
void add_jobs(json_value& report, const run_report& r);

} // namespace nmisim
