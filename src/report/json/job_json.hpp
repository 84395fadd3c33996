// SPDX-License-Identifier: MIT
//
// What the handlers of a run found out, as JSON. Internal to observe.
#pragma once

#include "verify/run_report.hpp"

#include <nlohmann/json.hpp>

namespace nmisim {

/// Adds the member of each job to the report's object; null where it was not the handlers' job.
void add_jobs(nlohmann::ordered_json& report, const run_report& r);

} // namespace nmisim
