// SPDX-License-Identifier: MIT
//
// What exec and merge write at their end.
#pragma once

#include "cli/options/settings.hpp"
#include "cli/report_writer.hpp"
#include "exec/exec_report.hpp"

namespace nmisim::cli {

/// Looks at each --fail-if, and writes text or JSON to standard output, and the files that were asked for.
void write_exec_reports(report_writer& writer, exec::exec_report& report, const settings& s);

} // namespace nmisim::cli
