// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"
#include "base/shown_text.hpp"
#include "exec/exec_report.hpp"
#include "exec/handlers/audit_text.hpp"
#include "exec/handlers/function_text.hpp"
#include "explore/step/system_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace nmisim::exec {

namespace {

std::string plural(std::uint64_t n, std::string_view what, std::string_view more = {})
{
    return fmt::format("{} {}", count_text(n),
                       n == 1         ? std::string(what)
                       : more.empty() ? fmt::format("{}s", what)
                                      : std::string(more));
}

std::string quoted(const std::string& word)
{
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("_-+=.,/:@%").find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (plain)
        return word;
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

std::string baseline_text(const exec_report& r)
{
    if (r.plain.empty())
        return {};
    const outcome& o = r.plain.front();
    std::string text =
        fmt::format("Plain runs   {}: {}, stdout {}, stderr {}; {}", r.plain.size(), status_text(o),
                    content_text(o.out), content_text(o.err), time_text(o.elapsed_ns));
    if (r.traced)
        text += fmt::format(
            "\nTraced       1 without NMIs: {}; {}",
            differences(o, r.traced_plain, {"status", "stdout", "stderr"}).empty() ? "the same" : "differs",
            time_text(r.traced_plain.elapsed_ns));
    if (!r.unstable.empty())
        text += fmt::format("\nNot compared {}: differs without NMIs as well", fmt::join(r.unstable, ", "));
    return text + "\n";
}

constexpr std::size_t most_rows = 20;

bool was_interrupted(const call_row& c)
{
    return c.restarted + c.eintr + c.short_count != 0;
}

/// The calls that NMIs have interrupted; of those that were done all the same, and of the program's own code, the sum.
std::string calls_text(const std::vector<call_row>& rows)
{
    std::string text;
    std::size_t count = 0;
    std::uint64_t done = 0;
    std::uint64_t own = 0;
    for (const call_row& c : rows) {
        done += c.done;
        own += c.nr < 0 ? c.nmis : 0;
        if (!was_interrupted(c) || ++count > most_rows)
            continue;
        text +=
            fmt::format("  {:<20}{:<18}{:>8}{:>11}{:>8}{:>8}  {}{}{}\n", explore::name_of_system_call(c.nr),
                        shown(fmt::format("{} {}", c.path, c.exe), 17), count_text(c.nmis),
                        count_text(c.restarted), count_text(c.eintr), count_text(c.short_count), c.site,
                        c.site.empty() || c.detail.empty() ? "" : "  ", shown(c.detail));
    }
    if (count > 0)
        text = fmt::format("{:<22}{:<18}{:>8}{:>11}{:>8}{:>8}  {}\n", "Calls", "process", "NMIs", "restarted",
                           "EINTR", "short", "program's call site") +
               text;
    if (count > most_rows)
        text += fmt::format("  ... {} more; --json has them all\n", count - most_rows);
    return text +
           fmt::format("Others       {} met calls that were done all the same, {} the programs' own code\n",
                       plural(done, "NMI"), count_text(own));
}

std::string storm_text(const storm_run& s)
{
    const traced_end& e = s.end;
    unsigned threads = 0;
    for (const auto& p : e.processes)
        threads += p->threads - 1;
    std::string text = fmt::format(
        "Storm        SA_RESTART {}: {}, {}; {} delivered of {} sent; {}\n", s.restart ? "on" : "off",
        plural(e.processes.size(), "process", "processes"), plural(threads, "more thread"),
        plural(e.delivered, "NMI"), count_text(e.sent.sent), time_text(s.what.elapsed_ns));
    std::vector<std::string> notes;
    if (e.sent.busy != 0)
        notes.push_back(fmt::format("{} not sent: the last one was not taken yet", count_text(e.sent.busy)));
    if (e.held != 0)
        notes.push_back(fmt::format("{} never taken: the thread ended first", count_text(e.held)));
    if (e.blocked != 0)
        notes.push_back(fmt::format("{} blocked to the end by the thread's mask", count_text(e.blocked)));
    if (e.suppressed != 0)
        notes.push_back(
            fmt::format("{} suppressed: met a process between fork and exec", count_text(e.suppressed)));
    if (e.sent.refused != 0)
        notes.push_back(
            fmt::format("{} refused: the thread had ended, or too many signals are queued (ulimit -i)",
                        count_text(e.sent.refused)));
    if (e.left_behind != 0)
        notes.push_back(fmt::format("{} left behind by the command, ended",
                                    plural(e.left_behind, "process", "processes")));
    if (e.unarmed != 0)
        notes.push_back(fmt::format("{} could not be given a handler", plural(e.unarmed, "program")));
    for (const std::string& n : notes)
        text += "             " + n + "\n";
    return text + calls_text(s.calls);
}

/// The calls whose interruption changes the outcome, each with the command that repeats it.
std::string placements_text(const exec_report& r)
{
    std::size_t delivered = 0;
    std::string text;
    for (const placement& p : r.placements) {
        delivered += p.delivered ? 1 : 0;
        if (p.differences.empty() && r.config.at.empty())
            continue;
        text += fmt::format("  {:<10} {} {}: {}{}{}\n", p.at, p.exe, explore::name_of_system_call(p.nr),
                            p.delivered ? p.call_text : "no NMI was delivered", p.site.empty() ? "" : "  ",
                            p.site);
        for (const difference& d : p.differences)
            text += fmt::format("  {:<10} {} of {}  {}: {}  instead of  {}{}\n", "", d.seen, d.runs, d.aspect,
                                d.with, d.without, d.counts() ? "" : "   (not counted: it did not repeat)");
        if (r.config.at.empty())
            text += fmt::format("  {:<10} nmi-sim exec{} --at {} -- {}\n", "",
                                r.config.restarts == restart::off ? " --restart off" : "", p.at,
                                command_text(r.config));
    }
    return fmt::format("Each call    {} tried, {} with an NMI delivered\n",
                       plural(r.placements.size(), "call"), count_text(delivered)) +
           text;
}

std::string differences_text(const exec_report& r)
{
    std::string text = r.differences.empty() ? "" : "Differences\n";
    for (const difference& d : r.differences)
        text += fmt::format("  {:<8} SA_RESTART {:<3}  {} of {}  {}  instead of  {}{}\n", d.aspect,
                            d.restart ? "on" : "off", d.seen, d.runs, d.with, d.without,
                            d.counts() ? "" : "   (not counted: it did not repeat)");
    return text;
}

std::string verdict_text(const exec_report& r)
{
    std::string command = "nmi-sim exec";
    if (r.config.restarts != restart::on)
        command += fmt::format(" --restart {}", name_of(r.config.restarts));
    if (r.config.each_call)
        command += " --each-call";
    if (!r.config.function.empty())
        command += function_options(r.config);
    for (const std::string& at : r.config.at)
        command += fmt::format(" --at {}", at);
    if (r.config.rate_hz != exec_config{}.rate_hz)
        command += fmt::format(" --rate {}", r.config.rate_hz);
    command += " -- " + command_text(r.config);
    std::uint64_t delivered = 0;
    for (const storm_run& s : r.storms)
        delivered += r.each_call ? 0 : s.end.delivered;
    for (const placement& p : r.placements)
        delivered += p.delivered ? 1 : 0;
    for (const boundary_run& b : r.sweep.runs)
        delivered += b.state == "delivered" || b.state == "elsewhere" ? 1 : 0;
    switch (r.verdict) {
    case exec_verdict::same:
        return fmt::format("PASS {}: no outcome differs: {}\n",
                           plural(delivered, r.config.function.empty() ? "NMI" : "signal"), command);
    case exec_verdict::differs: return fmt::format("FAIL the outcome differs: {}\n", command);
    case exec_verdict::safe:
    case exec_verdict::unsafe: return audit_verdict_text(r);
    case exec_verdict::none_delivered:
    case exec_verdict::none_ran:
    case exec_verdict::not_judged:
    case exec_verdict::not_comparable: return fmt::format("NO RESULT {}\n", r.why);
    case exec_verdict::all_blocked:
    case exec_verdict::absent: return fmt::format("SKIPPED {}\n", r.why);
    case exec_verdict::stopped: return fmt::format("INCOMPLETE {}\n", r.why);
    }
    return {};
}

} // namespace

std::string command_text(const exec_config& c)
{
    std::vector<std::string> words;
    for (const std::string& w : c.argv)
        words.push_back(quoted(w));
    return shown(fmt::format("{}", fmt::join(words, " ")), 200);
}

std::string_view name_of(exec_verdict v) noexcept
{
    switch (v) {
    case exec_verdict::same: return "same";
    case exec_verdict::differs: return "differs";
    case exec_verdict::none_delivered: return "none-delivered";
    case exec_verdict::all_blocked: return "all-blocked";
    case exec_verdict::not_comparable: return "not-comparable";
    case exec_verdict::safe: return "safe";
    case exec_verdict::unsafe: return "unsafe";
    case exec_verdict::none_ran: return "none-ran";
    case exec_verdict::not_judged: return "not-judged";
    case exec_verdict::absent: return "absent";
    case exec_verdict::stopped: return "stopped";
    }
    return "?";
}

int exit_code_of(exec_verdict v) noexcept
{
    switch (v) {
    case exec_verdict::same:
    case exec_verdict::safe: return 0;
    case exec_verdict::differs:
    case exec_verdict::unsafe: return 3;
    case exec_verdict::none_delivered:
    case exec_verdict::none_ran:
    case exec_verdict::not_judged:
    case exec_verdict::not_comparable:
    case exec_verdict::stopped: return 1;
    case exec_verdict::all_blocked:
    case exec_verdict::absent: return 77;
    }
    return 1;
}

std::string to_text(const exec_report& r)
{
    std::string text = fmt::format("exec: {}\n", command_text(r.config)) + baseline_text(r);
    if (r.audit)
        return text + audit_text(r) + verdict_text(r);
    if (!r.config.function.empty())
        return text + function_text(r) + verdict_text(r);
    if (r.each_call)
        return text + placements_text(r) + verdict_text(r);
    for (const storm_run& s : r.storms)
        text += storm_text(s);
    return text + differences_text(r) + verdict_text(r);
}

} // namespace nmisim::exec
