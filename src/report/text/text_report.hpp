// SPDX-License-Identifier: MIT
//
// The report for people: the books (NMIs, per vCPU), latencies, swaps, handler age (rcutorture's "Reader
// Pipe"), the checks with the number of things each looked at, and on the last line the verdict with a
// command that repeats the run. 80 columns, ASCII; colour marks only the verdict words and never replaces
// them.
#pragma once

#include "report/report_context.hpp"
#include "verify/run_report.hpp"

#include <string>

namespace nmisim {

struct text_style {
    bool color = false;
    bool histograms = false;
    bool brief = false;   ///< the verdict, and what failed
    bool verbose = false; ///< every vCPU, every latency, the host
};

std::string text_report(const run_report& report, const report_context& context, const text_style& style);

/// One line about a run in progress, without a newline. `before` is what the previous line showed, all zero for the first: rates
/// are those since then, not since the start, to show if the run becomes slower *now*.
std::string status_line(const run_progress& now, const run_progress& before);

} // namespace nmisim
