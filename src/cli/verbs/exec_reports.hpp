// SPDX-License-Identifier: MIT
//
// What exec and merge write at their end.
#pragma once

#include "cli/options/settings.hpp"
#include "cli/report_writer.hpp"
#include "exec/exec_report.hpp"
#include "report/json/exec_journal.hpp"

namespace nmisim::cli {

/// Looks at each --fail-if, and writes the files that were asked for, and text or JSON to standard output. The file of
/// --output is first, and takes the place of `journal`, if there is one: who reads standard output may be slow.
void write_exec_reports(report_writer& writer, exec::exec_report& report, const settings& s,
                        exec::exec_journal* journal = nullptr);

} // namespace nmisim::cli
