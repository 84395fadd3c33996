// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"
#include "exec/exec_report.hpp"
#include "explore/step/system_call.hpp"
#include "report/page/markup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nmisim::exec {

namespace {

std::string number(std::uint64_t n)
{
    return n == 0 ? "" : count_text(n);
}

std::string verdict_part(const exec_report& r)
{
    const bool limit = exit_code_of(r) == 4;
    const bool found = r.verdict == exec_verdict::differs || r.verdict == exec_verdict::unsafe;
    const bool good = r.verdict == exec_verdict::same || r.verdict == exec_verdict::safe;
    const char* const css = found ? "fail" : limit ? "threshold" : good ? "pass" : "incomplete";
    std::string text = r.why.empty() ? "" : fmt::format("<p>{}</p>\n", escaped(r.why));
    for (const limit_result& l : r.limits)
        if (l.held)
            text += fmt::format("<p>--fail-if {}: {}</p>\n", escaped(l.condition), escaped(l.value_text));
    text += fmt::format("<p><code>{}</code></p>\n", escaped(repeat_text(r)));
    return verdict_section(css, name_of(r.verdict), limit ? "but a limit of --fail-if is passed" : "", text);
}

std::string runs_part(const exec_report& r)
{
    table t({{"run", "left"},
             {"outcome", "left"},
             {"standard output", "wrap"},
             {"standard error", "wrap"},
             {"NMIs"},
             {"time"}});
    const auto row = [&](const std::string& name, const outcome& o, const std::string& nmis) {
        t.row(
            {name, status_text(o), content_text(o.out), content_text(o.err), nmis, time_text(o.elapsed_ns)});
    };
    for (const outcome& o : r.plain)
        row("plain", o, "");
    if (r.traced)
        row("traced, without NMIs", r.traced_plain, "");
    for (const storm_run& s : r.storms)
        row(fmt::format("{}, SA_RESTART {}", r.each_call ? "all calls at once" : "storm",
                        s.restart ? "on" : "off"),
            s.what, count_text(s.end.delivered));
    const std::string unstable =
        r.unstable.empty()
            ? ""
            : fmt::format("<p>Not compared, because it differs without NMIs as well: {}.</p>\n",
                          escaped(fmt::format("{}", fmt::join(r.unstable, ", "))));
    return section("runs", "Runs", t.html() + unstable);
}

std::string differences_part(const exec_report& r)
{
    if (r.differences.empty())
        return {};
    table t({{"what", "left"},
             {"SA_RESTART", "left"},
             {"with NMIs", "wrap"},
             {"without", "wrap"},
             {"seen", "left"}});
    for (const difference& d : r.differences)
        t.row({d.aspect, d.restart ? "on" : "off", d.with, d.without,
               fmt::format("{} of {}{}", d.seen, d.runs, d.counts() ? "" : ", not counted")});
    return section("differences", "Differences", t.html());
}

std::string placements_part(const exec_report& r)
{
    if (!r.each_call)
        return {};
    table t({{"address", "left"},
             {"program", "left"},
             {"call", "left"},
             {"what became of it", "wrap"},
             {"place", "wrap"},
             {"outcome", "wrap"}});
    std::size_t quiet = 0;
    for (const placement& p : r.placements) {
        if (p.differences.empty()) {
            ++quiet;
            continue;
        }
        std::string found;
        for (const difference& d : p.differences)
            found +=
                fmt::format("{} of {}: {}: {} instead of {}. ", d.seen, d.runs, d.aspect, d.with, d.without);
        t.row({p.at, p.exe, explore::name_of_system_call(p.nr), p.call_text, p.site, found});
    }
    return section("calls", "Single calls",
                   (quiet == r.placements.size() ? std::string() : t.html()) +
                       fmt::format("<p>{} calls tried; an NMI in {} of them changes nothing.</p>\n",
                                   r.placements.size(), quiet));
}

std::string storm_part(const storm_run& s)
{
    table t({{"call", "left"},
             {"process", "left"},
             {"NMIs"},
             {"restarted"},
             {"EINTR"},
             {"short"},
             {"done"},
             {"call site", "wrap"}});
    for (const call_row& c : s.calls)
        t.row({c.nr < 0 ? "the program's own code" : explore::name_of_system_call(c.nr),
               fmt::format("{} {}", c.path, c.exe), count_text(c.nmis), number(c.restarted), number(c.eintr),
               number(c.short_count), number(c.done), fmt::format("{} {}", c.site, c.detail)});
    return section(s.restart ? "storm-on" : "storm-off",
                   fmt::format("What NMIs met, SA_RESTART {}", s.restart ? "on" : "off"), t.html());
}

} // namespace

std::string page_of(const exec_report& r)
{
    std::string body = verdict_part(r) + runs_part(r) + differences_part(r) + placements_part(r);
    for (const storm_run& s : r.storms)
        if (!s.calls.empty())
            body += storm_part(s);
    return html_page("nmi-sim exec", body);
}

} // namespace nmisim::exec
