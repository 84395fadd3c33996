// SPDX-License-Identifier: MIT
//
// What the handlers of a run found out, as text. Internal to report.
#pragma once

#include "verify/run_report.hpp"

#include <string>

namespace nmisim {

/// Empty where handlers only count.
std::string job_tables(const run_report& report);

} // namespace nmisim
