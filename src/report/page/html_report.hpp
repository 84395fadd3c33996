// SPDX-License-Identifier: MIT
//
// The report as one self-contained page: verdict, what was run, tables, charts, and the JSON report inside it. No
// network, no script; light and dark by the reader's preference, one column on a phone.
#pragma once

#include "report/report_context.hpp"
#include "verify/run_report.hpp"

#include <string>

namespace nmisim {

std::string html_report(const run_report& report, const report_context& context);

} // namespace nmisim
