// SPDX-License-Identifier: MIT
#include "report/page/html_report.hpp"

#include "report/build_info.hpp"
#include "report/json/json_report.hpp"
#include "report/page/html_style.hpp"
#include "report/page/markup.hpp"
#include "report/page/svg_chart.hpp"
#include "report/page/swap_timeline.hpp"
#include "report/text/text_report.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim {
namespace {

std::string section(std::string_view id, std::string_view title, std::string_view body)
{
    return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, escaped(title), body);
}

std::string row(std::initializer_list<std::string> cells, const char* tag = "td")
{
    std::string text = "<tr>";
    for (const std::string& c : cells)
        text += fmt::format("<{0}>{1}</{0}>", tag, escaped(c));
    return text + "</tr>\n";
}

std::string table(std::string_view rows)
{
    return fmt::format("<div class=\"scroll\"><table>\n{}</table></div>\n", rows);
}

std::string per_second(std::uint64_t n, std::uint64_t elapsed_ns)
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

std::string verdict_section(const run_report& r, const report_context& context)
{
    const verdict v = verdict_of(r, context);
    const auto passed = std::count_if(r.checks.begin(), r.checks.end(),
                                      [](const check_report& c) { return c.status == check_status::pass; });
    std::string word(name_of(v));
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    std::string text =
        fmt::format("<section id=\"verdict\"><div class=\"verdict {}\"><h1><span class=\"word\">{}</span> "
                    "{} of {} checks held</h1>\n",
                    name_of(v), word, passed, r.checks.size());
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
    text += fmt::format("<p><code>{}</code></p></div>\n<div class=\"tiles\">", escaped(context.repeat));
    const std::pair<const char*, std::string> tiles[] = {
        {"NMIs handled", count_text(r.total.handled)},
        {"handled per second", per_second(r.total.handled, r.elapsed_ns)},
        {"swaps", count_text(r.swaps)},
        {"delivery p50", r.delivery.count == 0 ? "-" : time_text(r.delivery.percentile_ns(0.5))},
        {"delivery p99", r.delivery.count == 0 ? "-" : time_text(r.delivery.percentile_ns(0.99))},
        {"grace period p99",
         r.grace_period.count == 0 ? "-" : time_text(r.grace_period.percentile_ns(0.99))}};
    for (const auto& [name, value] : tiles)
        text += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", value, name);
    return text + "</div></section>\n";
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
        {"tool", fmt::format("nmi-sim {}, {}, {}, sanitizer {}", tool_version(), compiler_text(),
                             build_type(), sanitizer_name())}};
    std::string text = "<dl>";
    for (const auto& [name, value] : entries)
        text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escaped(value));
    return section("run", "What was run", text + "</dl>\n");
}

std::string checks_section(const run_report& r)
{
    std::string rows =
        "<tr><th></th><th class=\"left\">check</th><th>looked at</th><th class=\"left\">evidence</th></tr>\n";
    for (const check_report& c : r.checks) {
        const bool ok = c.status == check_status::pass;
        const char* const word = ok ? "ok" : c.status == check_status::fail ? "FAIL" : "NONE";
        rows += fmt::format("<tr><td class=\"{}\">{}</td><td class=\"left\">{}</td><td>{}</td><td "
                            "class=\"wrap\">{}</td></tr>\n",
                            ok ? "ok" : "no", word, name_of(c.id),
                            fmt::format("{} {}", count_text(c.looked_at), escaped(c.looked_at_what)),
                            escaped(c.failures == 0
                                        ? c.evidence
                                        : fmt::format("{} failed. {}", count_text(c.failures), c.first)));
    }
    return section("checks", "Checks", table(rows));
}

std::string nmi_section(const run_report& r)
{
    std::string rows = row({"", "requested", "raised", "handled", "coalesced", "rejected", "offline"}, "th");
    const auto line = [&](const char* name, auto text) {
        rows += row({name, r.config.inject.rate_max ? "max" : text(r.requested), text(r.total.raised),
                     text(r.total.handled), text(r.total.coalesced), text(r.total.rejected),
                     text(r.total.offline)});
    };
    line("total", [](std::uint64_t n) { return count_text(n); });
    line("per second", [&](std::uint64_t n) { return per_second(n, r.elapsed_ns); });
    static const std::vector<series> rates{{"raised", "s2", &run_progress::raised},
                                           {"handled", "s1", &run_progress::handled}};
    static const std::vector<series> swaps{{"swaps", "s1", &run_progress::swaps}};
    return section("nmis", "NMIs", table(rows)) +
           section("time", "Over time",
                   "<div class=\"charts\">" + rate_chart("NMIs per second", r.progress, rates) +
                       rate_chart("Swaps per second", r.progress, swaps) + "</div>\n") +
           section("vcpus", "Balance of the vCPUs",
                   "<div class=\"charts\">" + balance_chart(r.cpus) + age_chart(r.handler_age) + "</div>\n");
}

std::string latency_section(const run_report& r)
{
    struct entry {
        const char* name;
        const latency& l;
        bool drawn;
    };
    const entry entries[] = {{"delivery", r.delivery, true},
                             {"handler", r.handler, true},
                             {"injector late", r.injector, false},
                             {"publish", r.publish, false},
                             {"grace period", r.grace_period, true},
                             {"reclaim", r.reclaim, false},
                             {"swap", r.swap, true}};
    std::string rows = row({"", "count", "min", "p50", "p90", "p99", "p99.9", "max"}, "th");
    std::string charts;
    for (const auto& [name, l, drawn] : entries) {
        if (l.count == 0)
            rows += row({name, "0", "-", "-", "-", "-", "-", "-"});
        else
            rows += row({name, count_text(l.count), time_text(l.min_ns), time_text(l.percentile_ns(0.5)),
                         time_text(l.percentile_ns(0.9)), time_text(l.percentile_ns(0.99)),
                         time_text(l.percentile_ns(0.999)), time_text(l.max_ns)});
        if (drawn)
            charts += histogram_chart(name, l);
    }
    return section(
        "latency", "Latency",
        table(rows) +
            "<p class=\"dim\">Delivery is <em>signal delivery</em> latency, from the raise to the handler's "
            "first "
            "instruction; it is not NMI latency. Both axes are logarithmic.</p>\n<div class=\"charts\">" +
            charts + "</div>\n");
}

std::string swap_section(const run_report& r)
{
    std::string body =
        table(row({"", "done", "late", "retired", "reclaimed", "waiting max"}, "th") +
              row({"swaps", count_text(r.swaps), count_text(r.late_swaps), count_text(r.retired),
                   count_text(r.reclaimed), count_text(r.waiting_max)}));
    std::string text = section("swaps", "Swaps", body);
    const auto picture = swap_timeline(r);
    return text + (picture ? section("swap-timeline", picture->title,
                                     fmt::format("<p>{}</p><div class=\"scroll\">{}</div>\n",
                                                 escaped(picture->explanation), picture->svg))
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
    std::string page = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"icon\" href=\"data:,\"><title>nmi-sim: {}</title>\n<style>{}</style></head><body>\n",
        name_of(verdict_of(r, context)), html_style);
    page += verdict_section(r, context);
    if (first_failure(r) != nullptr)
        page += swap_section(r) + checks_section(r);
    page += nmi_section(r) + latency_section(r);
    if (first_failure(r) == nullptr)
        page += swap_section(r) + checks_section(r);
    page += notes_section(r) + run_section(r, context);
    page += "<script type=\"application/json\" id=\"result\">\n" + json_data(r, context) + "</script>\n";
    return page + "</body></html>\n";
}

} // namespace nmisim
