// SPDX-License-Identifier: MIT
//
// `nmi-sim exec [OPTION]... -- COMMAND ARG...`: what is in front of the first -- is ours, what is behind it the command's.
// Standard output carries the report, standard error the going-on.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/contradictions.hpp"
#include "cli/options/input_file.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/report_writer.hpp"
#include "cli/stop_signals.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/exec_reports.hpp"
#include "cli/verbs/verb.hpp"
#include "exec/campaign.hpp"
#include "exec/trace/arch.hpp"
#include "report/json/exec_journal.hpp"
#include "report/json/exec_read.hpp"
#include "report/output_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace nmisim::cli {

namespace {

bool asks_for_calls(const exec::exec_config& c)
{
    return c.each_call || !c.at.empty();
}

void check(const exec::exec_config& c, const settings& s)
{
    for (const auto& [name, value] : s.given)
        for (const std::string_view of_calls : {"place", "jobs", "shard", "limit"})
            if (name == of_calls && !asks_for_calls(c) && !(name == "limit" && !c.function.empty()))
                throw usage_error("--{} needs --each-call", name);
    const bool file = std::any_of(c.compared.begin(), c.compared.end(),
                                  [](const std::string& a) { return a.starts_with("file="); });
    refuse_if(c.jobs > 1 && file,
              "--jobs does not go with --compare file=...: runs at a time would write to the same file");
}

void check_profile(const exec::exec_config& c, const settings& s)
{
    for (const auto& [name, value] : s.given) {
        for (const std::string_view of_profiles : {"stacks", "folded", "trace", "trace-limit"})
            if (name == of_profiles && !c.profile)
                throw usage_error("--{} is for --profile: give that as well", name);
        for (const std::string_view no_use : {"audit", "function", "each-call", "at", "signal", "compare",
                                              "baseline", "mask", "seed", "report"})
            if (name == no_use && c.profile)
                throw usage_error(
                    "--{} does not go with --profile, which runs the command once and samples it", name);
    }
    refuse_if(c.profile && c.restarts == exec::restart::both,
              "--restart both does not go with --profile, which runs the command once");
}

exec::exec_config config_of(const settings& s, std::vector<std::string> command)
{
    exec::exec_config c = s.exec;
    c.argv = std::move(command);
    c.seed = s.run.seed;
    c.audit = s.audit;
    c.timeline = s.trace_file.empty() ? 0 : s.trace_limit;
    for (const auto& [name, value] : s.given)
        if (name == "rate")
            c.rate_hz = s.run.inject.rate_hz;
    refuse_if(s.run.inject.rate_max,
              "--rate max is not for exec: each NMI stops a thread twice, so name a rate (10k is "
              "about the most)");
    const bool at_instructions = !c.function.empty();
    refuse_if(at_instructions && std::any_of(c.at.begin(), c.at.end(),
                                             [](const auto& at) { return at.find('#') == at.npos; }),
              "--at names calls, or instructions of one function: not both");
    check_profile(c, s);
    refuse_if(c.audit + at_instructions + (c.each_call || (!c.at.empty() && !at_instructions)) > 1,
              "--audit and --function look at the program's handlers, --each-call and --at at its system "
              "calls: one at a time");
    refuse_if(at_instructions && c.signal == 0,
              "--function needs the signal whose handler is meant, as --signal USR1");
    refuse_if(!c.audit && !at_instructions && c.signal != 0,
              "--signal names the handlers that --audit or --function look at: give one of them as well");
    refuse_if(!c.audit && !c.allowed.empty(), "--allow is for --audit: give that as well");
    refuse_if(!at_instructions && c.visit != 0, "--visit is for --function: give that as well");
    refuse_if(!at_instructions && c.forks != exec::forking::automatic,
              "--fork is for --function: give that as well");
    refuse_if(!at_instructions && c.calls != exec::calls_used::first,
              "--calls is for --function: give that as well");
    check(c, s);
    return c;
}

exec::exec_report run(const exec::exec_config& c, const exec::progress& tell, const exec::journal& note,
                      const exec::exec_report* before)
{
    if (c.profile)
        return exec::run_profile(c, tell);
    if (c.audit)
        return exec::run_audit(c, tell);
    if (!c.function.empty())
        return exec::run_function(c, tell, note, before);
    return asks_for_calls(c) ? exec::run_each_call(c, tell, note, before) : exec::run_storm(c, tell, note);
}

/// What the journal of an earlier run has; nothing where there is none: the search begins.
std::optional<exec::exec_report> finished_before(const settings& s, const exec::exec_config& c)
{
    if (!s.resume)
        return std::nullopt;
    refuse_if(c.audit || (c.function.empty() && !asks_for_calls(c)),
              "--resume is for --each-call and --function: other runs are not kept one by one");
    refuse_if(s.output_file.empty() || is_written_in_place(s.output_file),
              "--resume goes on from FILE.journal: name the FILE by -o");
    const std::string name = s.output_file + ".journal";
    if (!std::filesystem::exists(name))
        return std::nullopt;
    return exec::resumed({name, read_whole_file(name)}, c);
}

} // namespace

int exec_verb(const settings& s, const invocation& call)
{
    if (!s.words.empty())
        throw usage_error(
            "unexpected argument '{}': the command stands behind --, as in 'nmi-sim exec -- {}'",
            shown(s.words.front()), shown(s.words.front()));
    refuse_if(call.command.empty(), "no command: it stands behind --, as in 'nmi-sim exec -- sleep 1'");
    const exec::exec_config config = config_of(s, call.command);
    check_output_files(s);
    for (const std::string& file : {s.output_file, s.report_file, s.folded_file, s.trace_file})
        if (!file.empty())
            check_output_file(file);
    if (const char* const absent = exec::arch_absent()) {
        say(absent);
        return exit_unsupported;
    }
    const std::optional<exec::exec_report> before = finished_before(s, config);
    const bool chatty = s.verbosity != verbosity::quiet;
    const exec::progress tell = [&](std::string_view what) {
        if (chatty)
            write_stderr(fmt::format("exec: {}\n", what));
    };
    exec::exec_journal journal(s.output_file + ".journal");
    const bool keeps = !s.output_file.empty() && !is_written_in_place(s.output_file);
    const exec::journal note = [&](const exec::exec_report& r) {
        if (keeps)
            journal.write(r);
    };
    exec::exec_report report = run(config, tell, note, before ? &*before : nullptr);
    report_writer writer;
    write_exec_reports(writer, report, s, keeps ? &journal : nullptr);
    if (report.stop_signal != 0 && writer.all_written())
        die_of(report.stop_signal);
    return writer.exit_code(exec::exit_code_of(report));
}

} // namespace nmisim::cli
