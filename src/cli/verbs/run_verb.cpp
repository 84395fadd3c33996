// SPDX-License-Identifier: MIT
//
// `nmi-sim run`: options, a look at what the system offers, the run, its reports, the exit code. Standard output
// carries the report and nothing else; messages and progress are on standard error.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/config_file.hpp"
#include "cli/options/contradictions.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/report_writer.hpp"
#include "cli/status_display.hpp"
#include "cli/stop_signals.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"
#include "report/build_info.hpp"
#include "report/json/json_report.hpp"
#include "report/output_file.hpp"
#include "report/page/html_report.hpp"
#include "report/text/text_report.hpp"
#include "report/units.hpp"
#include "verify/run.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <stdexcept>
#include <vector>

#include <unistd.h>

namespace nmisim::cli {

namespace {

std::string header_text(const settings& s, const host_info& host)
{
    const run_config& c = s.run;
    const std::string rate =
        c.inject.rate_max ? "as many NMIs as are taken" : exact_number_text(c.inject.rate_hz) + " NMIs/s";
    const std::string swaps = !c.swap                   ? "no swaps"
                              : c.swap_interval_ns == 0 ? "swaps back to back"
                                                        : "swap every " + exact_time_text(c.swap_interval_ns);
    const std::string onoff = !c.onoff ? ""
                              : c.onoff_interval_ns == 0
                                  ? ", hotplug back to back"
                                  : ", hotplug every " + exact_time_text(c.onoff_interval_ns);
    const std::string length = c.duration_ns == 0 ? "until Ctrl-C" : "for " + exact_time_text(c.duration_ns);
    return fmt::format(
        "nmi-sim {}: {} to {}{}, {}{}, {}\n"
        "flavor={} delivery={} workload={} fault={} signal=RTMIN+{} seed={} cpus={} SigQ={}/{}\n",
        tool_version, rate, c.machine.cpus == 1 ? "" : "each of ",
        plural_text(static_cast<std::uint64_t>(c.machine.cpus), "vCPU"), swaps, onoff, length,
        name_of(c.machine.rcu), name_of(c.machine.delivery), name_of(c.machine.workload), name_of(c.fault),
        c.machine.signal_offset, c.seed, host.cpus_allowed, host.signals_queued,
        host.rlimit_sigpending == UINT64_MAX ? "unlimited" : std::to_string(host.rlimit_sigpending));
}

std::string now_in_utc()
{
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%FT%TZ", gmtime_r(&now, &utc))};
}

std::vector<preflight_finding> look_at_system(const settings& s)
{
    if (const std::string_view why = not_applicable(s.run.fault, s.run.machine.rcu); !why.empty())
        return {{true, "not-applicable",
                 fmt::format("--fault {} cannot be shown with --flavor {} here: {}", name_of(s.run.fault),
                             name_of(s.run.machine.rcu), why)}};
    if (const std::string_view why = only_explored(s.run.fault); !why.empty())
        return {{true, "only-explored", fmt::format("--fault {}: {}", name_of(s.run.fault), why)}};
    return preflight(s.run);
}

/// Prints what was found; whether the run can go ahead.
bool system_is_fit(const settings& s, const std::vector<preflight_finding>& findings)
{
    const bool chatty = s.verbosity != verbosity::quiet;
    bool fit = true;
    for (const preflight_finding& f : findings) {
        fit = fit && !f.fatal;
        if (f.fatal ||
            (chatty && (f.early || s.dry_run))) // a run's report repeats the others, beside their figures
            say(fmt::format("{}{}", f.fatal ? "" : "warning: ", f.text));
    }
    return fit;
}

/// For scripts, which read the exit code 0 of a run whose fault went unseen.
void remark_on_fault(run_report& report)
{
    if (const fault_info* const missed = uncaught_fault(report); missed != nullptr)
        report.remarks.push_back({"fault-not-caught", fmt::format("the fault {} was not caught by check {}",
                                                                  missed->name, name_of(missed->caught_by))});
}

run_report run_with_display(const settings& s, stop_signals& signals)
{
    status_display display(s);
    run_hooks hooks;
    hooks.pause = [&](std::uint64_t ns) { return signals.pause(ns); };
    hooks.tick = [&](const run_progress& now) { display.tick(now, signals.status_asked()); };
    try {
        return run(s.run, hooks);
    } catch (
        const std::invalid_argument& e) { // options that contradict each other, as only the core can tell
        throw usage_error(e.what());
    }
}

bool interrupted(const run_report& report)
{
    // With --duration 0, Ctrl-C is the normal end.
    return report.stop_reason == stop_reason::signal && report.config.duration_ns != 0;
}

int exit_code_of(const run_report& report, const report_context& context)
{
    switch (verdict_of(report, context)) {
    case nmisim::verdict::fail: return exit_check_failed;
    case nmisim::verdict::threshold: return exit_threshold;
    case nmisim::verdict::pass:
    case nmisim::verdict::incomplete: break;
    }
    return interrupted(report) ? 128 + report.stop_signal : exit_pass;
}

report_writer write_reports(const settings& s, const run_report& report, const report_context& context)
{
    const auto json = [&] { return json_report(report, context); };
    const text_style style{use_color(s.color, STDOUT_FILENO), s.histogram, s.verbosity == verbosity::quiet,
                           s.verbosity == verbosity::verbose};
    report_writer writer;
    writer.to_stdout([&] { return s.json ? json() : text_report(report, context, style); });
    writer.to_file(s.output_file, json);
    writer.to_file(s.report_file, [&] { return html_report(report, context); });
    writer.to_file(s.trace_file, [&] { return trace_json(report, context); });
    return writer;
}

int dry_run(const settings& s, const std::vector<preflight_finding>& findings, report_context& context)
{
    const bool fit = system_is_fit(s, findings);
    context.exit_code = fit ? exit_pass : exit_unsupported;
    if (s.json)
        write_stdout(dry_run_json(s.run, findings, context));
    else
        write_stdout((s.verbosity == verbosity::quiet ? "" : header_text(s, context.host)) +
                     (fit ? "ready to run\n" : ""));
    return context.exit_code;
}

} // namespace

int run_verb(const settings& s, const invocation& call)
{
    if (!s.words.empty())
        throw usage_error("unexpected argument '{}'{}", shown(s.words.front()),
                          find_verb(s.words.front()) != nullptr ? "; a verb comes first" : "");
    if (s.every_flavor)
        throw usage_error("--flavor: 'all' is for explore; a run has one flavor");
    check_contradictions(s);
    for (const std::string& text : ineffective_options(s))
        say("note: " + text);
    if (s.print_config) {
        write_stdout(config_text(s));
        return exit_pass;
    }
    for (const std::string* const file : {&s.output_file, &s.report_file, &s.trace_file})
        if (!file->empty())
            check_output_file(*file);
    report_context context;
    context.argv = call.argv;
    context.repeat = repeat_command(s);
    context.started = now_in_utc();
    context.host = read_host_info();
    const std::vector<preflight_finding> findings = look_at_system(s);
    if (s.dry_run)
        return dry_run(s, findings, context);
    if (!system_is_fit(s, findings))
        return exit_unsupported;

    stop_signals signals; // first: a user who has read the header may stop the run
    if (s.verbosity != verbosity::quiet)
        write_stderr(header_text(s, context.host));
    run_report report = run_with_display(s, signals);
    remark_on_fault(report);
    for (const threshold& t : s.fail_if)
        context.thresholds.push_back(evaluate(t, report));
    context.exit_code = exit_code_of(report, context);
    const int code = write_reports(s, report, context).exit_code(context.exit_code);

    if (report.stop_reason == stop_reason::stall)
        _exit(code); // a stuck vCPU's thread is still there: no destructor may run under it
    if (code == 128 + report.stop_signal && interrupted(report))
        die_of(report.stop_signal); // as GNU programs: the shell is to know, and stop its loop
    return code;
}

} // namespace nmisim::cli
