// SPDX-License-Identifier: MIT
//
// The report for programs: one JSON object, described by docs/nmi-sim-result-1.schema.json, which the tests check.
// Rules: each key carries its unit (`_ns`, `_per_s`); every key is always there; integers stay below 2^53; within a
// schema version keys are only added.
#pragma once

#include "report/report_context.hpp"
#include "verify/run.hpp"
#include "verify/run_report.hpp"

#include <string>
#include <vector>

namespace nmisim {

inline constexpr int json_schema_version = 1;

/// Ends with a newline.
std::string json_report(const run_report& report, const report_context& context);

/// What --json --dry-run says: the options in effect, what the system lacks, and whether a run can go ahead.
std::string dry_run_json(const run_config& config, const std::vector<preflight_finding>& findings,
                         const report_context& context);

/// The timeline of a run as Chrome trace events, for ui.perfetto.dev and speedscope.app. Ends with a newline.
std::string trace_json(const run_report& report, const report_context& context);

} // namespace nmisim
