// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"
#include "base/shown_text.hpp"
#include "exec/exec_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

namespace nmisim::exec {

namespace {

constexpr std::size_t most_functions = 20;
constexpr double least_self = 0.1; ///< percent; a row with less, and less with callees, is left out
constexpr double least_total = 5;
constexpr std::size_t most_threads = 20;
constexpr std::size_t most_of_a_thread = 3;

double percent(std::uint64_t part, std::uint64_t all) noexcept
{
    return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

std::string function_text_of(const profiled_function& f)
{
    if (f.object.empty())
        return "[unknown]";
    return f.function.empty() ? fmt::format("({})", shown(f.object))
                              : fmt::format("{} ({})", shown(f.function), shown(f.object));
}

std::string head_text(const profile_found& p)
{
    std::string text = fmt::format(
        "Profile      {}, one each {} of a {}; {} lost\n", plural_text(p.counts.taken, "sample"),
        time_text(p.period_ns), p.refused == 0 ? "thread's CPU time in its own code" : "process's CPU time",
        count_text(p.counts.lost()));
    text += fmt::format("             {}, stdout {}, stderr {}; {}, CPU time {}\n", status_text(p.what),
                        content_text(p.what.out), content_text(p.what.err), time_text(p.what.elapsed_ns),
                        time_text(p.what.cpu_ns));
    text += fmt::format("             {}, {}, {}; {} of the buffer while they ran\n",
                        plural_text(p.programs, "program"), plural_text(p.processes, "process", "processes"),
                        plural_text(p.threads, "thread"), plural_text(p.counts.swaps, "swap"));
    if (p.refused != 0)
        text += fmt::format(
            "             clock: a timer in each program, by the kernel's ticks, and not in forks "
            "that execute none: perf_event_open is refused ({})\n",
            std::generic_category().message(p.refused));
    text += note_text(p.counts.no_room, "lost: the buffers were full");
    text += note_text(p.counts.cut_off, "lost: their process was killed while it wrote them");
    text += note_text(p.counts.eras - 1, "given up: a process was killed, or stood still, inside the sampler",
                      "era");
    text += note_text(p.unarmed, "could not be given the sampler", "program");
    text += note_text(p.without_clock, "ended before the clock was there", "thread");
    text += note_text(p.events_lost, "births or mappings lost: there may be more [unknown]");
    text += note_text(p.left_behind, "left behind by the command, ended", "process", "processes");
    return text;
}

std::string functions_text(const profile_found& p, bool callers)
{
    std::string text = fmt::format("{:<13}{:>7}{:>13}{}\n", "Functions", "self", "samples",
                                   callers ? fmt::format("{:>13}", "with callees") : "");
    std::size_t rows = 0;
    for (const profiled_function& f : p.functions) {
        if (rows == most_functions ||
            (percent(f.self, p.counts.taken) < least_self && percent(f.total, p.counts.taken) < least_total))
            continue;
        ++rows;
        text += fmt::format(
            "             {:>5.1f} %{:>13}{}  {}\n", percent(f.self, p.counts.taken), count_text(f.self),
            callers ? fmt::format("{:>11.1f} %", percent(f.total, p.counts.taken)) : "", function_text_of(f));
    }
    if (p.functions.size() > rows)
        text += fmt::format("             and {} more; --json has them all\n", p.functions.size() - rows);
    return text;
}

std::string threads_text(const profile_found& p)
{
    std::string text = "Threads\n";
    for (std::size_t i = 0; i < std::min(p.by_thread.size(), most_threads); ++i) {
        const profiled_thread& t = p.by_thread[i];
        std::vector<std::string> first;
        for (std::size_t j = 0; j < std::min(t.functions.size(), most_of_a_thread); ++j)
            if (t.functions[j].self != 0)
                first.push_back(fmt::format("{} {:.1f} %", function_text_of(t.functions[j]),
                                            percent(t.functions[j].self, t.samples)));
        text += fmt::format("  {:<11}{:<16}{:>10}  {}\n", shown(t.path, 10),
                            shown(t.name.empty() || t.name == t.exe ? t.exe : t.exe + ": " + t.name, 32),
                            count_text(t.samples), fmt::join(first, ", "));
    }
    if (p.by_thread.size() > most_threads)
        text += fmt::format("  and {} more\n", p.by_thread.size() - most_threads);
    return text;
}

/// What stands between the functions of a line is none of a function's.
std::string folded_name(std::string name)
{
    std::replace(name.begin(), name.end(), ';', ':');
    std::replace(name.begin(), name.end(), '\n', ' ');
    return name;
}

} // namespace

std::string profile_text(const exec_report& r)
{
    const profile_found& p = r.profile;
    if (p.programs == 0)
        return {};
    std::string text = head_text(p);
    if (p.counts.taken == 0)
        return text;
    if (p.with_callers == 0)
        text += "             leaf only: no caller is known\n";
    text += functions_text(p, p.with_callers != 0);
    return p.by_thread.size() > 1 ? text + threads_text(p) : text;
}

std::string folded_text(const exec_report& r)
{
    std::string text;
    for (const profiled_stack& s : r.profile.by_stack) {
        text += folded_name(s.process);
        for (const std::string& f : s.functions)
            text += ";" + folded_name(f);
        text += fmt::format(" {}\n", s.samples);
    }
    return text;
}

} // namespace nmisim::exec
