// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"
#include "base/shown_text.hpp"
#include "exec/exec_text.hpp"
#include "exec/handlers/signal_name.hpp"

#include <fmt/format.h>

#include <map>

namespace nmisim::exec {

namespace {

/// In a later call visits go on from the calls before it.
std::string address_to_repeat(const boundary_run& b)
{
    return b.execution == 0 ? b.at : fmt::format("{}#{}", b.at.substr(0, b.at.rfind('#')), b.execution);
}

std::string finding_text(const exec_report& r, const boundary_run& b)
{
    std::string text =
        fmt::format("  {}{}  before  {}{}{}\n", b.at, b.source.empty() ? "" : fmt::format(" ({})", b.source),
                    b.instruction.empty() ? "?" : b.instruction,
                    b.call != 0 ? fmt::format("  in call {}", count_text(b.call)) : "",
                    b.state == "delivered" ? "" : fmt::format("  [{}]", b.state));
    text += found_text(b.differences);
    if (r.config.at.empty())
        text += fmt::format("             nmi-sim exec --signal {} --at '{}' -- {}\n",
                            signal_name(r.config.signal), address_to_repeat(b), command_text(r.config));
    return text;
}

std::string ways_text(const function_sweep& s, std::uint64_t forked, std::uint64_t spread)
{
    const std::uint64_t alone = s.runs.size() - forked - spread;
    std::string text;
    if (s.spread_runs != 0)
        text = fmt::format("             {} in calls of their own, {} runs{}\n", count_text(spread),
                           count_text(s.spread_runs),
                           s.why_not_spread.empty() ? "" : "; the others not: " + s.why_not_spread);
    return text + note_text(s.only_together, "differed with signals in other calls, and not alone") +
           note_text(forked, "in children forked there") +
           note_text(alone,
                     "in runs of their own" + (s.why_not_forked.empty() ? "" : ": " + s.why_not_forked)) +
           note_text(s.refuted, "differed once, and in no run of its own");
}

} // namespace

std::string function_text(const exec_report& r)
{
    const function_sweep& s = r.sweep;
    if (s.path.empty())
        return {};
    std::map<std::string_view, std::uint64_t> states;
    std::string found;
    std::uint64_t forked = 0;
    std::uint64_t spread = 0;
    for (const boundary_run& b : s.runs) {
        ++states[b.state];
        forked += b.forked ? 1 : 0;
        spread += b.call != 0 ? 1 : 0;
        if (!b.differences.empty() || !r.config.at.empty())
            found += finding_text(r, b);
    }
    std::string text =
        fmt::format("Function     {} of {} {}: first call, {} instructions come to {} times{}\n",
                    r.config.function, s.path, shown(s.exe), count_text(s.instructions),
                    count_text(s.boundaries), s.cut ? ", and more: cut" : "");
    text += note_text(s.without_handler,
                      "before the program has a handler for " + signal_name(r.config.signal) + ": not tried");
    text += fmt::format("Signal       {} at {}", signal_name(r.config.signal), count_text(s.runs.size()));
    for (const auto& [state, count] : states)
        text += fmt::format(", {} {}", count_text(count), state);
    return text + fmt::format("; {} each\n", time_text(s.runs.empty() ? 0 : s.elapsed_ns / s.runs.size())) +
           ways_text(s, forked, spread) + found;
}

std::string function_options(const exec_config& c)
{
    std::string text = fmt::format(" --signal {}", signal_name(c.signal));
    if (c.forks != exec_config{}.forks)
        text += fmt::format(" --fork {}", name_of(c.forks));
    if (c.calls != exec_config{}.calls)
        text += fmt::format(" --calls {}", name_of(c.calls));
    if (c.at.empty())
        text += fmt::format(" --function {}", c.function);
    return c.visit == 0 ? text : text + fmt::format(" --visit {}", c.visit);
}

} // namespace nmisim::exec
