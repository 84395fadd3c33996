// SPDX-License-Identifier: MIT
#include "exec/exec_text.hpp"

#include "base/number_text.hpp"
#include "base/shown_text.hpp"
#include "explore/step/system_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace nmisim::exec {

namespace {

struct verdict_row {
    std::string_view name;
    int exit_code;
    std::string_view without_result{}; ///< the word before `why`
};
/// In the order of exec_verdict.
constexpr verdict_row verdict_rows[] = {
    {"same", 0},
    {"differs", 3},
    {"none-delivered", 1, "NO RESULT"},
    {"all-blocked", 77, "SKIPPED"},
    {"not-comparable", 1, "NO RESULT"},
    {"safe", 0},
    {"unsafe", 3},
    {"none-ran", 1, "NO RESULT"},
    {"sampled", 0},
    {"not-judged", 1, "NO RESULT"},
    {"absent", 77, "SKIPPED"},
    {"stopped", 1, "INCOMPLETE"},
};
static_assert(std::size(verdict_rows) == static_cast<std::size_t>(exec_verdict::stopped) + 1);

const verdict_row& row_of(exec_verdict v) noexcept
{
    return verdict_rows[static_cast<std::size_t>(v)];
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
                       plural_text(done, "NMI"), count_text(own));
}

std::string storm_text(const storm_run& s)
{
    const traced_end& e = s.end;
    unsigned threads = 0;
    for (const auto& p : e.processes)
        threads += p->threads - 1;
    std::string text = fmt::format(
        "Storm        SA_RESTART {}: {}, {}; {} delivered of {} sent; {}\n", s.restart ? "on" : "off",
        plural_text(e.processes.size(), "process", "processes"), plural_text(threads, "more thread"),
        plural_text(e.delivered, "NMI"), count_text(e.sent.sent), time_text(s.what.elapsed_ns));
    text += note_text(e.sent.busy, "not sent: the last one was not taken yet");
    text += note_text(e.held, "never taken: the thread ended first");
    text += note_text(e.blocked, "blocked to the end by the thread's mask");
    text += note_text(e.suppressed, "suppressed: met a process between fork and exec");
    text += note_text(e.sent.refused,
                      "refused: the thread had ended, or too many signals are queued (ulimit -i)");
    text += note_text(e.left_behind, "left behind by the command, ended", "process", "processes");
    text += note_text(e.unmasked, "of them through an opened mask (--mask ignore)");
    text += note_text(e.unarmed, "could not be given a handler", "program");
    return text + calls_text(s.calls);
}

/// What a placement needs to be what it was, beside its address.
std::string how_text(const exec_config& c)
{
    std::string text;
    if (c.every_call)
        text += " --each-call=all";
    if (c.placing != exec_config{}.placing)
        text += fmt::format(" --place {}", name_of(c.placing));
    if (c.mask != exec_config{}.mask)
        text += fmt::format(" --mask {}", name_of(c.mask));
    if (c.follow != exec_config{}.follow)
        text += fmt::format(" --follow {}", name_of(c.follow));
    if (c.stdin_file != exec_config{}.stdin_file)
        text += fmt::format(" --stdin {}", for_a_shell(c.stdin_file));
    return text;
}

bool any_limit_held(const exec_report& r) noexcept
{
    return std::any_of(r.limits.begin(), r.limits.end(), [](const limit_result& l) { return l.held; });
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
        text += found_text(p.differences);
        if (r.config.at.empty())
            text += fmt::format("  {:<10} nmi-sim exec{}{} --at {} -- {}\n", "",
                                p.restart ? "" : " --restart off", how_text(r.config), p.at,
                                command_text(r.config));
    }
    std::string head = fmt::format("Each call    {} tried, {} with an NMI delivered",
                                   plural_text(r.placements.size(), "call"), count_text(delivered));
    if (!r.shards.empty())
        head += fmt::format("; shard {} of {}, of {}", fmt::join(r.shards, ", "), r.config.shard.of,
                            plural_text(r.calls, "call"));
    return head + "\n" + text;
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
    const std::string command = repeat_text(r);
    std::uint64_t delivered = 0;
    for (const storm_run& s : r.storms)
        delivered += r.each_call ? 0 : s.end.delivered;
    for (const placement& p : r.placements)
        delivered += p.delivered ? 1 : 0;
    for (const boundary_run& b : r.sweep.runs)
        delivered += b.state == "delivered" || b.state == "elsewhere" ? 1 : 0;
    switch (r.verdict) {
    case exec_verdict::same:
        if (any_limit_held(r))
            return fmt::format("FAIL (--fail-if; no outcome differs): {}\n", command);
        return fmt::format("PASS {}: no outcome differs: {}\n",
                           plural_text(delivered, r.config.function.empty() ? "NMI" : "signal"), command);
    case exec_verdict::differs: return fmt::format("FAIL the outcome differs: {}\n", command);
    case exec_verdict::sampled:
        return fmt::format("{} {}: {}\n", any_limit_held(r) ? "FAIL (--fail-if)" : "PASS",
                           plural_text(r.profile.counts.taken, "sample"), command);
    case exec_verdict::safe:
    case exec_verdict::unsafe: return audit_verdict_text(r);
    default: return fmt::format("{} {}\n", row_of(r.verdict).without_result, r.why);
    }
}

} // namespace

std::string note_text(std::uint64_t n, std::string_view what, std::string_view one, std::string_view many)
{
    return n == 0 ? ""
                  : fmt::format("             {} {}\n",
                                one.empty() ? count_text(n) : plural_text(n, one, many), what);
}

std::string found_text(const std::vector<difference>& found)
{
    std::string text;
    for (const difference& d : found)
        text += fmt::format("             {} of {}  {}: {}  instead of  {}{}\n", d.seen, d.runs, d.aspect,
                            d.with, d.without, d.counts() ? "" : "   (not counted: it did not repeat)");
    return text;
}

std::string command_text(const exec_config& c)
{
    std::vector<std::string> words;
    for (const std::string& w : c.argv)
        words.push_back(for_a_shell(w));
    return shown(fmt::format("{}", fmt::join(words, " ")), 200);
}

bool any_counts(const std::vector<difference>& all) noexcept
{
    return std::any_of(all.begin(), all.end(), [](const difference& d) { return d.counts(); });
}

exec_verdict verdict_of(const std::vector<placement>& all) noexcept
{
    if (std::any_of(all.begin(), all.end(), [](const placement& p) { return any_counts(p.differences); }))
        return exec_verdict::differs;
    return std::any_of(all.begin(), all.end(), [](const placement& p) { return p.delivered; })
               ? exec_verdict::same
               : exec_verdict::all_blocked;
}

std::string_view name_of(exec_verdict v) noexcept
{
    return row_of(v).name;
}

int exit_code_of(const exec_report& r) noexcept
{
    const bool can_be_limited = r.verdict == exec_verdict::same || r.verdict == exec_verdict::sampled;
    return can_be_limited && any_limit_held(r) ? 4 : row_of(r.verdict).exit_code;
}

std::vector<unsigned> lacks(const exec_report& r)
{
    std::vector<unsigned> missing;
    for (unsigned i = 1; r.each_call && r.config.shard.of > 1 && i <= r.config.shard.of; ++i)
        if (std::find(r.shards.begin(), r.shards.end(), i) == r.shards.end())
            missing.push_back(i);
    return missing;
}

std::string repeat_text(const exec_report& r)
{
    const exec_config& c = r.config;
    std::string command = "nmi-sim exec";
    if (c.restarts != restart::on)
        command += fmt::format(" --restart {}", name_of(c.restarts));
    if (c.each_call && !c.every_call)
        command += " --each-call";
    if (!c.only_calls.empty()) {
        std::vector<std::string> names;
        for (const long nr : c.only_calls)
            names.emplace_back(explore::name_of_system_call(nr));
        command += fmt::format("={}", fmt::join(names, ","));
    }
    command += how_text(c);
    if (c.profile)
        command += " --profile";
    if (c.frames != exec_config{}.frames)
        command += fmt::format(" --stacks {}", name_of(c.frames));
    if (!c.function.empty())
        command += function_options(c);
    for (const std::string& at : c.at)
        command += fmt::format(" --at {}", at);
    if (c.rate_hz != exec_config{}.rate_hz)
        command += fmt::format(" --rate {}", c.rate_hz);
    return command + " -- " + command_text(c);
}

std::string to_text(const exec_report& r)
{
    std::string text = fmt::format("exec: {}\n", command_text(r.config)) + baseline_text(r);
    if (r.audit)
        return text + audit_text(r) + verdict_text(r);
    if (!r.config.function.empty())
        return text + function_text(r) + verdict_text(r);
    if (r.profile.asked) {
        text += profile_text(r);
    } else if (r.each_call) {
        text += placements_text(r);
    } else {
        for (const storm_run& s : r.storms)
            text += storm_text(s);
        text += differences_text(r);
    }
    for (const limit_result& l : r.limits)
        text += l.held ? fmt::format("FAIL --fail-if {}: {}\n", l.condition, l.value_text) : "";
    return text + verdict_text(r);
}

} // namespace nmisim::exec
