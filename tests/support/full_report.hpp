// SPDX-License-Identifier: MIT
//
// A report in which no two figures are alike, and no flag is set: if a printed report mixes up two figures, the value
// is wrong. No real run would give it; its books do not balance.
#pragma once

#include "report/report_context.hpp"

namespace nmisim::test {

/// A latency of the report, and the name that it has in the JSON report.
struct named_latency {
    const char* name;
    latency run_report::*member;
};
inline constexpr named_latency all_latencies[]{{"delivery", &run_report::delivery},
                                               {"injector", &run_report::injector},
                                               {"handler", &run_report::handler},
                                               {"irq_delivery", &run_report::irq_delivery},
                                               {"irq_handler", &run_report::irq_handler},
                                               {"publish", &run_report::publish},
                                               {"grace_period", &run_report::grace_period},
                                               {"reclaim", &run_report::reclaim},
                                               {"swap", &run_report::swap},
                                               {"cpu_down", &run_report::cpu_down},
                                               {"cpu_up", &run_report::cpu_up}};

/// Two vCPUs, two IRQ lines, two sources, each job.
run_report full_report();

/// The rest of what a JSON report tells, likewise.
report_context full_context();

} // namespace nmisim::test
