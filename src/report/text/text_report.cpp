// SPDX-License-Identifier: MIT
#include "report/text/text_report.hpp"

#include "report/build_info.hpp"
#include "report/text/text_tables.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim {

namespace {

std::string first_failure_text(const check_report& c)
{
    const std::string where = c.first_cpu < 0 ? "the control side" : fmt::format("vCPU {}", c.first_cpu);
    std::string text = fmt::format("{}: first at {:.6f}s on {}", name_of(c.id), c.first_at_s, where);
    if (c.first_generation != 0)
        text += fmt::format(", handler generation {}", c.first_generation);
    return text + ": " + c.first;
}

/// With a fault selected, a failing check is what should be seen: says whether the right one failed.
std::string fault_text(const run_report& r)
{
    const fault_info* const info = find_fault(name_of(r.config.fault));
    if (info == nullptr)
        return {};
    return fmt::format("fault: {}: {}\n       expected: check {} fails; {}\n", info->name, info->left_out,
                       name_of(info->caught_by), uncaught_fault(r) == nullptr ? "it did" : "it did not");
}

std::string interruption_text(const run_report& r)
{
    if (r.complete)
        return {};
    return fmt::format("note: the run ended early, after {} ({}); figures are of that time\n",
                       time_text(r.elapsed_ns), name_of(r.stop_reason));
}

} // namespace

const fault_info* uncaught_fault(const run_report& report) noexcept
{
    const fault_info* const info = find_fault(name_of(report.config.fault));
    if (info == nullptr)
        return nullptr;
    const bool caught = std::any_of(report.checks.begin(), report.checks.end(), [&](const check_report& c) {
        return c.id == info->caught_by && c.status == check_status::fail;
    });
    return caught ? nullptr : info;
}

verdict verdict_of(const run_report& report, const report_context& context)
{
    if (!report.passed()) {
        const bool cut_short = report.stop_reason == stop_reason::signal && !report.complete;
        const bool any_failed =
            std::any_of(report.checks.begin(), report.checks.end(),
                        [](const check_report& c) { return c.status == check_status::fail; });
        return cut_short && !any_failed ? verdict::incomplete : verdict::fail;
    }
    const bool any_held = std::any_of(context.thresholds.begin(), context.thresholds.end(),
                                      [](const threshold_result& t) { return t.held; });
    return any_held ? verdict::threshold : verdict::pass;
}

namespace {

/// The lines that end the report: each failed check, each condition that held, the verdict.
std::string verdict_text(const run_report& report, const report_context& context, const text_style& style)
{
    std::string text;
    std::vector<std::string> failed;
    std::vector<std::string> idle; // the table above names them
    for (const check_report& c : report.checks) {
        if (c.status == check_status::fail) {
            failed.emplace_back(name_of(c.id));
            text += fmt::format("{} {}\n", in_red("FAIL", style.color), first_failure_text(c));
        } else if (c.status == check_status::nothing_seen) {
            idle.emplace_back(name_of(c.id));
        }
    }
    if (idle.size() == 1)
        failed.push_back(idle.front() + " (looked at nothing)");
    else if (!idle.empty())
        failed.push_back(fmt::format("{} checks (looked at nothing)", idle.size()));
    if (report.stop_reason == stop_reason::panic)
        failed.emplace_back("panic on an unknown NMI");
    if (report.checks.empty())
        failed.emplace_back("no check ran");
    for (const threshold_result& t : context.thresholds)
        if (t.held)
            text +=
                fmt::format("{} --fail-if {}: {}\n", in_red("FAIL", style.color), t.condition, value_text(t));

    switch (verdict_of(report, context)) {
    case verdict::pass:
        if (const fault_info* const missed = uncaught_fault(report); missed != nullptr)
            return text +
                   fmt::format("PASS (the fault {} was not caught): {}\n", missed->name, context.repeat);
        return text + fmt::format("{}: {}\n", in_green("PASS", style.color), context.repeat);
    case verdict::threshold:
        return text + fmt::format("{} (--fail-if; every check held): {}\n", in_red("FAIL", style.color),
                                  context.repeat);
    case verdict::incomplete:
        return text + fmt::format("INCOMPLETE {}: {}\n", fmt::join(failed, ", "), context.repeat);
    case verdict::fail: break;
    }
    return text +
           fmt::format("{} {}: {}\n", in_red("FAIL", style.color), fmt::join(failed, ", "), context.repeat);
}

} // namespace

std::string text_report(const run_report& r, const report_context& context, const text_style& style)
{
    if (style.brief)
        return verdict_text(r, context, style);

    std::string text;
    if (style.verbose) {
        const host_info& h = context.host;
        text += fmt::format("nmi-sim {}, {}, {}, sanitizer {}\n", tool_version, compiler_text, build_type,
                            sanitizer_name);
        text += fmt::format("Linux {} {}{}, {} of {} CPUs allowed, load {:.2f}, started {}\n\n", h.kernel,
                            h.machine, h.is_virtual ? ", virtual" : "", h.cpus_allowed, h.cpus_online,
                            h.load_average, context.started);
    }
    text += nmi_table(r);
    text += source_table(r);
    text += vcpu_table(r, style.verbose) + "\n";
    if (style.verbose || !r.irqs.empty() || r.total.unknown + r.total.external + r.total.swallow > 0)
        text += interrupt_table(r, style.verbose) + "\n";
    text += latency_table(r, style.verbose) + "\n";
    text += swap_table(r);
    text += hotplug_table(r) + "\n";
    text += job_tables(r);
    if (style.histograms) {
        text += histogram_text("signal delivery latency", r.delivery) + "\n";
        text += histogram_text("handler", r.handler) + "\n";
        text += histogram_text("grace period", r.grace_period) + "\n";
        text += histogram_text("swap", r.swap) + "\n";
    }
    text += check_table(r, style);
    if (!r.stalls.empty()) {
        text += "Stall\n";
        for (const stall_report& s : r.stalls)
            text += fmt::format("  vCPU {}: {}\n", s.cpu, s.state) + frames_text(s.backtrace);
    }
    for (const remark& m : r.remarks)
        text += fmt::format("note: {}\n", m.text);
    text += interruption_text(r);
    text += fault_text(r);
    return text + verdict_text(r, context, style);
}

std::string status_line(const run_progress& now, const run_progress& before)
{
    const double seconds = static_cast<double>(now.elapsed_ns - before.elapsed_ns) / 1e9;
    const auto rate = [seconds](std::uint64_t to, std::uint64_t from) {
        return short_number_text(seconds > 0 ? static_cast<double>(to - from) / seconds : 0) + "/s";
    };
    return fmt::format("{:>6.1f}s  raised {}  handled {}  swaps {}  failed {}",
                       static_cast<double>(now.elapsed_ns) / 1e9, rate(now.raised, before.raised),
                       rate(now.handled, before.handled), count_text(now.swaps), count_text(now.failures));
}

} // namespace nmisim
