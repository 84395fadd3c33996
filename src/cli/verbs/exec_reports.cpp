// SPDX-License-Identifier: MIT
#include "cli/verbs/exec_reports.hpp"

#include "base/signal_mask.hpp"
#include "report/exec_metric.hpp"

namespace nmisim::cli {

void write_exec_reports(report_writer& writer, exec::exec_report& report, const settings& s,
                        exec::exec_journal* journal)
{
    for (const threshold& t : s.fail_if)
        report.limits.push_back(exec::evaluate(t, report));
    const auto json = [&] { return exec::to_json(report); };
    if (journal != nullptr) { // both, or neither: a signal that stops us comes before or after
        const signals_blocked held;
        writer.to_file(s.output_file, json);
        if (writer.all_written())
            journal->remove();
    } else {
        writer.to_file(s.output_file, json);
    }
    if (s.json)
        writer.to_stdout(json);
    else
        writer.to_stdout([&] { return exec::to_text(report); });
    writer.to_file(s.trace_file, [&] { return exec::profile_trace_json(report); });
    writer.to_file(s.folded_file, [&] { return exec::folded_text(report); });
    writer.to_file(s.report_file, [&] { return exec::page_of(report); });
}

} // namespace nmisim::cli
