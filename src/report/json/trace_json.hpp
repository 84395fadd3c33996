// SPDX-License-Identifier: MIT
//
// The timeline of a run as Chrome trace events, for ui.perfetto.dev and speedscope.app:
//
//   rows      controller, injector, call_rcu worker, then the vCPUs
//   slices    swap > publish, grace period, reclaim; raise; vCPU online > NMI, with generation, age and latency
//   arrows    from each raise to its NMI, and from a publish to the reclaim of what it replaced where call_rcu does it
//   counters  NMIs in flight per vCPU, handlers that wait for their grace period
//   instants  violations, coalesced and rejected raises
//
// Its form is that of trace_events.hpp; the zero is the first raise, as in the report. An arrow begins and ends inside a slice.
#pragma once

#include "report/report_context.hpp"
#include "verify/run_report.hpp"

#include <string>

namespace nmisim {

/// Ends with a newline.
std::string trace_json(const run_report& report, const report_context& context);

} // namespace nmisim
