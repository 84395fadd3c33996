// SPDX-License-Identifier: MIT
#include "verify/jobs/backtrace_job.hpp"

#include "base/clock.hpp"
#include "verify/symbol.hpp"

#include <algorithm>
#include <numeric>

namespace nmisim {

backtrace_job::backtrace_job(const run_config& config)
    : handler_job(timed_if_asked<backtrace_call>(config)), interval_ns_(config.backtrace_interval_ns),
      board_(config.machine.cpus)
{}

void backtrace_job::ready(machine& m)
{
    asker_.start("backtrace", "the thread that asks for backtraces", [this, &m] { ask_again_and_again(m); });
}

void backtrace_job::ask_again_and_again(machine& m)
{
    std::vector<int> all(static_cast<std::size_t>(board_.cpus));
    std::iota(all.begin(), all.end(), 0);
    while (!asker_.stopping()) {
        backtrace_outcome outcome = nmi_trigger_cpumask_backtrace(m, board_, all);
        ++found_.asked;
        found_.answered += outcome.answered.size();
        found_.unanswered += outcome.unanswered.size();
        found_.longest_ns = std::max(found_.longest_ns, outcome.took_ns);
        last_ = std::move(outcome);
        asker_.wait_until(now_ns() + interval_ns_);
    }
}

void backtrace_job::fill_report(machine&, run_report& report, bool drained)
{
    if (!drained)
        return;
    for (const cpu_frames& c : last_.answered) {
        cpu_backtrace& out = found_.last.emplace_back();
        out.cpu = c.cpu;
        for (const std::uintptr_t ip : c.frames)
            out.frames.push_back(symbol_of(ip));
    }
    for (const int cpu : last_.unanswered)
        found_.last.push_back({cpu, {}});
    report.backtrace = std::move(found_);
}

} // namespace nmisim
