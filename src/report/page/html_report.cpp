// SPDX-License-Identifier: MIT
#include "report/page/html_report.hpp"

#include "report/build_info.hpp"
#include "report/json/json_report.hpp"
#include "report/page/charts.hpp"
#include "report/page/markup.hpp"
#include "report/page/swap_timeline.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace nmisim {
namespace {

std::string rate_text(std::uint64_t n, std::uint64_t elapsed_ns)
{
    return elapsed_ns == 0
               ? "-"
               : short_number_text(static_cast<double>(n) * 1e9 / static_cast<double>(elapsed_ns)) + "/s";
}

const check_report* first_failure(const run_report& r)
{
    const check_report* first = nullptr;
    for (const check_report& c : r.checks)
        if (c.status == check_status::fail && (first == nullptr || c.first_at_s < first->first_at_s))
            first = &c;
    return first;
}

std::string verdict_of_run(const run_report& r, const report_context& context)
{
    const verdict v = verdict_of(r, context);
    const auto passed = std::count_if(r.checks.begin(), r.checks.end(),
                                      [](const check_report& c) { return c.status == check_status::pass; });
    std::string text;
    if (const check_report* const c = first_failure(r); c != nullptr)
        text += fmt::format("<p><b>{}</b>, first at {:.6f}s on {}: {}</p>\n", name_of(c->id), c->first_at_s,
                            c->first_cpu < 0 ? "the control side" : fmt::format("vCPU {}", c->first_cpu),
                            escaped(c->first));
    if (const fault_info* const missed = uncaught_fault(r); missed != nullptr)
        text += fmt::format("<p>The fault {} was not caught by check {}.</p>\n", missed->name,
                            name_of(missed->caught_by));
    for (const threshold_result& t : context.thresholds)
        if (t.held)
            text += fmt::format("<p>--fail-if {}: {}</p>\n", escaped(t.condition), escaped(value_text(t)));
    text += fmt::format("<p><code>{}</code></p>\n", escaped(context.repeat));
    const std::pair<const char*, std::string> tiles[] = {
        {"NMIs handled", count_text(r.total.handled)},
        {"handled per second", rate_text(r.total.handled, r.elapsed_ns)},
        {"swaps", count_text(r.swaps)},
        {"delivery p50", r.delivery.count == 0 ? "-" : time_text(r.delivery.percentile_ns(0.5))},
        {"delivery p99", r.delivery.count == 0 ? "-" : time_text(r.delivery.percentile_ns(0.99))},
        {"grace period p99",
         r.grace_period.count == 0 ? "-" : time_text(r.grace_period.percentile_ns(0.99))}};
    std::string below = "<div class=\"tiles\">";
    for (const auto& [name, value] : tiles)
        below += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", value, name);
    return verdict_section(name_of(v), name_of(v),
                           fmt::format("{} of {} checks held", passed, r.checks.size()), text,
                           below + "</div>");
}

std::string run_section(const run_report& r, const report_context& context)
{
    const run_config& c = r.config;
    const host_info& h = context.host;
    const std::string rate = c.inject.rate_max ? "max" : exact_number_text(c.inject.rate_hz) + "/s and vCPU";
    const std::string swaps = !c.swap                   ? "none"
                              : c.swap_interval_ns == 0 ? "back to back"
                                                        : "every " + exact_time_text(c.swap_interval_ns);
    const std::pair<const char*, std::string> entries[] = {
        {"vCPUs", fmt::format("{}", c.machine.cpus)},
        {"flavor", std::string(name_of(c.machine.rcu))},
        {"NMIs",
         fmt::format("{}, {}, delivery {}", rate, name_of(c.inject.arrival), name_of(c.machine.delivery))},
        {"swaps", fmt::format("{}, reclaim {}, controller {}", swaps, name_of(c.reclaim),
                              name_of(c.controller_place))},
        {"workload", std::string(name_of(c.machine.workload))},
        {"fault", std::string(name_of(c.fault))},
        {"ran for", fmt::format("{}{}", time_text(r.elapsed_ns),
                                r.complete ? "" : fmt::format(", ended early ({})", name_of(r.stop_reason)))},
        {"seed", fmt::format("{}", c.seed)},
        {"started", context.started},
        {"host", fmt::format("Linux {} {}{}, {} of {} CPUs allowed, load {:.2f}", h.kernel, h.machine,
                             h.is_virtual ? ", virtual" : "", h.cpus_allowed, h.cpus_online, h.load_average)},
        {"tool", fmt::format("nmi-sim {}, {}, {}, sanitizer {}", tool_version, compiler_text, build_type,
                             sanitizer_name)}};
    std::string text = "<dl>";
    for (const auto& [name, value] : entries)
        text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escaped(value));
    return section("run", "What was run", text + "</dl>\n");
}

std::string checks_section(const run_report& r)
{
    table rows({{"", "left"}, {"check", "left"}, {"looked at"}, {"evidence", "wrap"}});
    for (const check_report& c : r.checks) {
        const bool ok = c.status == check_status::pass;
        rows.row(
            {{ok                               ? "ok"
              : c.status == check_status::fail ? "FAIL"
                                               : "NONE",
              ok ? "ok" : "no"},
             std::string(name_of(c.id)),
             fmt::format("{} {}", count_text(c.looked_at), c.looked_at_what),
             c.failures == 0 ? c.evidence : fmt::format("{} failed. {}", count_text(c.failures), c.first)});
    }
    return section("checks", "Checks", rows.html());
}

/// Calls of handlers by the age of their handler.
picture age_chart(const std::array<std::uint64_t, 3>& ages)
{
    static constexpr std::array<std::array<const char*, 3>, 3> rows{
        {{"0", "the handler was current", "bar"},
         {"1", "unpublished while it ran: the grace period waited", "bar second"},
         {"2 or more", "used after its grace period: must be 0", "bar bad"}}};
    const std::uint64_t all = ages[0] + ages[1] + ages[2];
    std::vector<bar> bars;
    for (std::size_t i = 0; i < ages.size(); ++i) {
        const auto& [name, what, css] = rows[i];
        bars.push_back({fmt::format("{}: {}", name, count_text(ages[i])), what, {}});
        if (ages[i] != 0)
            bars[i].parts.push_back(
                {static_cast<double>(ages[i]) / static_cast<double>(all), css,
                 fmt::format("age {}: {} ({})", name, count_text(ages[i]), percent_text(ages[i], all))});
    }
    return bar_chart(fmt::format("Handler age, {} handler calls", count_text(all)), bars);
}

/// What became of the raises of each vCPU.
picture balance_chart(const std::vector<cpu_report>& cpus)
{
    struct fate {
        const char* name;
        const char* css;
        std::uint64_t cpu_report::*count;
    };
    static constexpr fate fates[] = {{"handled", "bar", &cpu_report::handled},
                                     {"coalesced", "bar second", &cpu_report::coalesced},
                                     {"rejected", "bar bad", &cpu_report::rejected},
                                     {"offline", "bar idle", &cpu_report::offline}};
    const std::size_t shown = std::min(cpus.size(), std::size_t{64});
    std::uint64_t most = 1;
    for (const cpu_report& c : cpus)
        most = std::max(most, c.raised);
    std::vector<picture::entry> legend;
    for (const fate& f : fates)
        legend.push_back({f.css, f.name});
    std::vector<bar> bars;
    for (const cpu_report& c : std::span(cpus).first(shown)) {
        bars.push_back({fmt::format("vCPU {}", c.cpu), count_text(c.raised) + " raised", {}});
        for (const fate& f : fates)
            if (c.*f.count != 0)
                bars.back().parts.push_back(
                    {static_cast<double>(c.*f.count) / static_cast<double>(most), f.css,
                     fmt::format("vCPU {}: {} of {} {} ({})", c.cpu, count_text(c.*f.count),
                                 count_text(c.raised), f.name, percent_text(c.*f.count, c.raised))});
    }
    return bar_chart(shown == cpus.size()
                         ? "What became of each vCPU's raises"
                         : fmt::format("What became of the raises of {} of {} vCPUs", shown, cpus.size()),
                     bars, legend);
}

std::string charts(std::initializer_list<picture> all)
{
    std::string text = "<div class=\"charts\">";
    for (const picture& p : all)
        text += p.figure();
    return text + "</div>\n";
}

std::string nmi_section(const run_report& r)
{
    table rows(
        {{"", "left"}, {"requested"}, {"raised"}, {"handled"}, {"coalesced"}, {"rejected"}, {"offline"}});
    const auto line = [&](const char* name, auto text) {
        rows.row({name, r.config.inject.rate_max ? "max" : text(r.requested), text(r.total.raised),
                  text(r.total.handled), text(r.total.coalesced), text(r.total.rejected),
                  text(r.total.offline)});
    };
    line("total", [](std::uint64_t n) { return count_text(n); });
    line("per second", [&](std::uint64_t n) { return rate_text(n, r.elapsed_ns); });
    return section("nmis", "NMIs", rows.html()) +
           section("time", "Over time",
                   charts({rate_chart("NMIs per second", r.progress,
                                      {{"raised", "s2", &run_progress::raised},
                                       {"handled", "s1", &run_progress::handled}}),
                           rate_chart("Swaps per second", r.progress,
                                      {{"swaps", "s1", &run_progress::swaps}})})) +
           section("vcpus", "Balance of the vCPUs",
                   charts({balance_chart(r.cpus), age_chart(r.handler_age)}));
}

std::string latency_section(const run_report& r)
{
    const std::pair<const char*, const latency&> measured[] = {
        {"delivery", r.delivery}, {"handler", r.handler},           {"injector late", r.injector},
        {"publish", r.publish},   {"grace period", r.grace_period}, {"reclaim", r.reclaim},
        {"swap", r.swap}};
    table rows({{"", "left"}, {"count"}, {"min"}, {"p50"}, {"p90"}, {"p99"}, {"p99.9"}, {"max"}});
    for (const auto& [name, l] : measured) {
        std::vector<table::cell> cells{name, count_text(l.count)};
        for (const std::uint64_t ns : {l.min_ns, l.percentile_ns(0.5), l.percentile_ns(0.9),
                                       l.percentile_ns(0.99), l.percentile_ns(0.999), l.max_ns})
            cells.emplace_back(l.count == 0 ? "-" : time_text(ns));
        rows.row(cells);
    }
    return section(
        "latency", "Latency",
        rows.html() +
            "<p class=\"dim\">Delivery is <em>signal delivery</em> latency, from the raise to the handler's "
            "first "
            "instruction; it is not NMI latency. Both axes are logarithmic.</p>\n" +
            charts({histogram_chart("delivery", r.delivery), histogram_chart("handler", r.handler),
                    histogram_chart("grace period", r.grace_period), histogram_chart("swap", r.swap)}));
}

std::string swap_section(const run_report& r)
{
    table rows({{"done"}, {"late"}, {"retired"}, {"reclaimed"}, {"waiting max"}});
    rows.row({count_text(r.swaps), count_text(r.late_swaps), count_text(r.retired), count_text(r.reclaimed),
              count_text(r.waiting_max)});
    const auto one = swap_timeline(r);
    return section("swaps", "Swaps", rows.html()) +
           (one ? section("swap-timeline", one->drawn.title(),
                          fmt::format("<p>{}</p><div class=\"scroll\">{}</div>\n", escaped(one->explanation),
                                      one->drawn.svg()))
                : section("swap-timeline", "One swap", "<p>The timeline holds no swap.</p>\n"));
}

std::string notes_section(const run_report& r)
{
    std::string text;
    for (const stall_report& s : r.stalls) {
        text += fmt::format("<p>vCPU {}: {}</p><pre>", s.cpu, escaped(s.state));
        for (const std::string& frame : s.backtrace)
            text += escaped(frame) + "\n";
        text += "</pre>\n";
    }
    for (const remark& m : r.remarks)
        text += fmt::format("<p>{}</p>\n", escaped(m.text));
    return text.empty() ? "" : section("notes", "Notes", text);
}

/// Inside a string, "</script>" would end the element and "<!--<script>" keep its end from being one.
std::string json_data(const run_report& r, const report_context& context)
{
    std::string text = json_report(r, context);
    for (std::size_t i = 0; (i = text.find('<', i)) != std::string::npos;)
        text.replace(i, 1, "\\u003c");
    return text;
}

} // namespace

std::string html_report(const run_report& r, const report_context& context)
{
    const std::string found = swap_section(r) + checks_section(r);
    const bool failed = first_failure(r) != nullptr;
    return html_page(fmt::format("nmi-sim: {}", name_of(verdict_of(r, context))),
                     verdict_of_run(r, context) + (failed ? found : "") + nmi_section(r) +
                         latency_section(r) + (failed ? "" : found) + notes_section(r) +
                         run_section(r, context) + "<script type=\"application/json\" id=\"result\">\n" +
                         json_data(r, context) + "</script>\n");
}

} // namespace nmisim
