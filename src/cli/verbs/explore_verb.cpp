// SPDX-License-Identifier: MIT
//
// `nmi-sim explore`: chooses windows, flavors and the fault, prints each report and a summary. Standard output carries
// the reports, standard error the progress.
#include "base/clock.hpp"
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/contradictions.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/report_writer.hpp"
#include "cli/stop_signals.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"
#include "explore/watch/child.hpp"
#include "explore/windows/window_crew.hpp"
#include "explore/windows/windows.hpp"
#include "machine/limits.hpp"
#include "report/explore_report.hpp"
#include "report/output_file.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <initializer_list>
#include <optional>

#include <poll.h>
#include <unistd.h>

namespace nmisim::cli {

namespace {

using namespace explore;

struct item {
    std::string window;
    window_options options;
};

bool is_sweep(std::string_view window)
{
    return !window.ends_with("-map") && window != "audit";
}

/// What is asked is a matter of more threads than one.
bool of_pairs(const settings& s)
{
    const window_options& o = s.explore;
    return o.within.memory != memory_model::sc || o.within.preemptions != 1 || o.nmis != 1 || o.readers != 1;
}

std::vector<std::string> chosen_windows(const settings& s)
{
    if (!s.windows.empty())
        return s.windows;
    if (s.audit)
        return {"audit"};
    if (const std::string_view finds_it = info_of(s.run.fault).explored_in; !finds_it.empty())
        return {std::string(finds_it)};
    if (!s.svg_file.empty())
        return {"do_nmi-map"};
    if (of_pairs(s))
        return {"read-map", "do_nmi-map"};
    std::vector<std::string> all;
    for (const window_info& w : all_windows())
        if (w.by_default && (!s.explore.within.fresh || is_sweep(w.name)))
            all.emplace_back(w.name);
    return all;
}

// What it was found in.
item item_of_token(const std::string& token)
{
    const std::optional<window_choice> in = window_of_token(token);
    if (!in)
        throw usage_error("--replay: '{}' is no token of this version's windows", shown(token));
    item i{in->window, in->options};
    i.options.within.name_all = false;
    return i;
}

std::vector<item> plan_of(const settings& s)
{
    if (s.replay)
        return {item_of_token(*s.replay)};
    std::vector<item> plan;
    const std::span<const flavor> one(&s.run.machine.rcu, 1);
    for (const flavor f : s.every_flavor ? all_flavors : one)
        for (const std::string& w : chosen_windows(s)) {
            item i{w, s.explore};
            i.options.rcu = f;
            i.options.left_out = s.run.fault;
            i.options.full_map = s.explore.full_map || !s.svg_file.empty();
            // JSON and the picture show each boundary
            i.options.within.name_all = s.show_all || s.json || !s.output_file.empty() || !s.svg_file.empty();
            plan.push_back(i);
            // Beside the defect, the vCPU life that avoids it; by itself nobody asked for that.
            if (w == "vcpu-exit" && not_applicable(w, i.options).empty())
                plan.push_back({"vcpu-end", i.options});
        }
    return plan;
}

bool is_map(const item& i)
{
    return i.window.ends_with("-map");
}

void check_usage(const settings& s, const std::vector<item>& plan)
{
    if (!s.words.empty())
        throw usage_error("unexpected argument '{}'", shown(s.words.front()));
    const window_options& o = s.explore;
    const bool no_reduction = !o.within.reduce;
    const bool says_what = !s.windows.empty() || s.audit || o.full_map || o.within.fresh ||
                           o.within.system_calls || s.every_flavor || s.run.fault != fault::none ||
                           of_pairs(s) || no_reduction || !s.svg_file.empty();
    const auto maps = std::count_if(plan.begin(), plan.end(), is_map);
    refuse_if(s.hold && !s.replay, "--hold is for --replay: leave it out, or name the token of a finding");
    refuse_if(s.replay && says_what,
              "--replay explores what its token says: leave out the other options that do");
    refuse_if(s.audit &&
                  std::any_of(s.windows.begin(), s.windows.end(), [](const auto& w) { return w != "audit"; }),
              "--audit looks at the window audit alone: leave out --audit, or --window");
    refuse_if(o.within.fresh &&
                  std::any_of(plan.begin(), plan.end(), [](const item& i) { return !is_sweep(i.window); }),
              "--fresh is for sweeps, not for maps and the audit: leave it out, or name other windows");
    refuse_if(o.full_map && maps == 0,
              "--map is for maps: leave it out, or name one of the windows do_nmi-map, read-map");
    refuse_if(of_pairs(s) && no_reduction,
              "--no-reduction is for maps with --memory sc, one preemption, one NMI and one reader: "
              "others need the reduction");
    refuse_if(o.readers != 1 && o.within.memory != memory_model::sc,
              "--readers 2 is for maps without store buffers: leave it out, or --memory tso");
    refuse_if(o.readers != 1 && !s.svg_file.empty(),
              "--svg draws one reader and the updater: leave out --svg, or --readers");
    refuse_if((of_pairs(s) || no_reduction) && maps == 0,
              "--memory, --preemptions, --nmis, --readers and --no-reduction are for maps: name one "
              "of the windows do_nmi-map, read-map");
    refuse_if(!s.svg_file.empty() && maps != 1,
              "--svg draws one map: name one flavor and one of the windows do_nmi-map, read-map");
}

int exit_code_of(const std::vector<any_report>& reports)
{
    for (const int code : {exit_check_failed, exit_could_not_run, exit_unsupported})
        for (const any_report& r : reports)
            if (explore::exit_code(r) == code)
                return code;
    return reports.empty() ? exit_unsupported : exit_pass;
}

volatile std::sig_atomic_t stop_signal = 0;

void ask_to_stop(int signal_number)
{
    stop_signal = signal_number;
    stop_asked.store(true, std::memory_order_relaxed); // read by the thread that is interrupted
}

/// The first one ends the window under way, and what is finished is reported; the second is fatal. Also where a shell
/// has started the program in the background, with SIGINT ignored.
void take_stop_signals()
{
    struct sigaction action {};
    action.sa_handler = ask_to_stop;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    for (const int s : stop_signal_numbers())
        sigaction(s, &action, nullptr);
}

/// Until Enter is pressed, or it is ended by a signal. Without anybody at the other end, until that.
void hold_for_a_debugger(const held_run& run)
{
    write_stdout(fmt::format("held: process {}, {}\n"
                             "  gdb -p {} -ex 'thread apply all backtrace'\n"
                             "Let go of it there (detach), then press Enter here.\n",
                             run.pid,
                             run.updater == 0
                                 ? fmt::format("thread {}", run.thread)
                                 : fmt::format("reader {}, updater {}", run.thread, run.updater) +
                                       (run.reader2 == 0 ? "" : fmt::format(", reader 2 {}", run.reader2)),
                             run.pid));
    constexpr int look_every_ms = 100;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    for (bool open = true; stop_signal == 0;) {
        if (::poll(&input, open ? 1 : 0, look_every_ms) <= 0)
            continue;
        char c = 0;
        open = read(STDIN_FILENO, &c, 1) == 1;
        if (c == '\n')
            return;
    }
}

any_report explored(const settings& s, const item& i)
{
    return !s.replay ? explore_window(i.window, i.options)
                     : replay_window({i.window, i.options}, *s.replay,
                                     s.hold ? on_hold(hold_for_a_debugger) : on_hold());
}

std::string title_of(const item& i)
{
    return fmt::format("{} {}", name_of(i.options.rcu), i.window);
}

/// Those of `plan` that can be explored; why not, is said of the others.
std::vector<item> applicable(const std::vector<item>& plan)
{
    std::vector<item> all;
    for (const item& i : plan)
        if (const std::string_view why = not_applicable(i.window, i.options); why.empty())
            all.push_back(i);
        else
            say(fmt::format("{}: not explored: {}", title_of(i), why));
    return all;
}

/// All of `plan`, side by side where there is more than one, each report printed in the order of the plan. False: stopped
/// before its end.
bool explore_all(const settings& s, std::vector<item> plan, std::vector<any_report>& reports)
{
    const bool chatty = s.verbosity != verbosity::quiet;
    const unsigned at_a_time = plan.size() > 1 ? static_cast<unsigned>(allowed_cpus()) : 1;
    std::vector<window_job> jobs;
    for (item& i : plan) {
        if (at_a_time > 1) // a map's processes, too, are one per CPU
            i.options.within.processes = 1;
        jobs.push_back({[&s, &i] { return explored(s, i); }, is_map(i)});
    }
    const auto begins = [&](std::size_t n) {
        if (chatty)
            write_stderr("exploring " + title_of(plan[n]) + "\n");
    };
    const auto ends = [&](std::size_t, any_report r) {
        reports.push_back(std::move(r));
        if (!s.json && (chatty || explore::exit_code(reports.back()) != exit_pass))
            write_stdout(
                std::visit([&](const auto& one) { return to_text(one, s.show_all); }, reports.back()));
    };
    bool all = stop_signal == 0;
    try {
        if (at_a_time > 1 && all)
            all = explore_side_by_side(jobs, at_a_time, begins, ends);
        for (std::size_t n = 0; at_a_time <= 1 && n < jobs.size() && all; ++n) {
            begins(n);
            ends(n, jobs[n].explore());
        }
    } catch (const stopped&) {
        all = false;
    }
    if (!all)
        say("stopped in " + title_of(plan[reports.size()]));
    return all;
}

std::string summary_of(const std::vector<any_report>& reports, std::uint64_t elapsed_ns)
{
    if (reports.empty())
        return {};
    std::size_t nmis = 0;
    std::size_t found = 0;
    std::uint64_t schedules = 0;
    unsigned preemptions = 1;
    bool weak = false;
    bool second_nmi = false;
    unsigned readers = 1;
    for (const any_report& r : reports) {
        if (const auto* s = std::get_if<sweep_report>(&r)) {
            nmis += s->cells.size() + s->calls.size();
            found += s->count(explore::verdict::violation) + s->count(explore::verdict::crash) +
                     s->count(explore::verdict::hang);
        } else if (const auto* m = std::get_if<map_report>(&r)) {
            schedules += m->schedules;
            found += m->findings.size();
            preemptions = m->preemptions;
            weak = m->memory == memory_model::tso;
            second_nmi = m->nmi;
            readers = m->readers;
        } else {
            found += std::get<audit_report>(r).unsafe();
        }
    }
    return fmt::format(
        "{}, {}, {}: {}, {}\n"
        "Explored: {} of the compiled code, {} per run, in maps {}at most {} of each thread.\n",
        plural_text(reports.size(), "window"), plural_text(nmis, "NMI"), plural_text(schedules, "schedule"),
        plural_text(found, "finding"), time_text(elapsed_ns),
        weak ? "x86-TSO executions" : "sequentially consistent interleavings",
        second_nmi ? "one or two NMIs" : "one NMI", readers > 1 ? "two readers, " : "",
        preemptions == 1 ? "one preemption" : plural_text(preemptions, "preemption"));
}

report_writer write_reports(const settings& s, const invocation& call, const std::vector<any_report>& reports,
                            bool complete, std::string_view absent = {})
{
    const auto json = [&] { return to_json(reports, call.argv, complete, absent); };
    report_writer writer;
    if (s.json)
        writer.to_stdout(json);
    writer.to_file(s.output_file, json);
    for (const any_report& r : reports)
        if (const auto* m = std::get_if<map_report>(&r); m != nullptr && m->absent.empty())
            writer.to_file(s.svg_file, [m] { return to_svg(*m); });
    return writer;
}

} // namespace

int explore_verb(const settings& s, const invocation& call)
{
    const std::vector<item> plan = plan_of(s);
    check_usage(s, plan);
    check_output_files(s);
    for (const std::string& file : {s.output_file, s.svg_file})
        if (!file.empty())
            check_output_file(file);
    if (s.run.fault != fault::none && info_of(s.run.fault).explored_in.empty()) {
        say(fmt::format("--fault {} is not about order or protection at an instruction; a run finds "
                        "it: nmi-sim --fault {}",
                        name_of(s.run.fault), name_of(s.run.fault)));
        return exit_unsupported;
    }
    if (info_of(s.run.fault).needs_store_buffers && s.explore.within.memory == memory_model::sc)
        say(fmt::format("note: fault {} needs store buffers, and --memory sc has none: --memory tso finds it",
                        name_of(s.run.fault)));
    // Ignored SIGCHLD is inherited from a careless parent; how a child ended could then not be known.
    signal(SIGCHLD, SIG_DFL);
    if (const std::string absent = mechanism_absent(); !absent.empty()) {
        say("nothing can be explored here: " + absent);
        return write_reports(s, call, {}, false, absent).exit_code(exit_unsupported);
    }
    take_stop_signals();
    std::vector<any_report> reports;
    const std::uint64_t start = now_ns();
    const bool complete = explore_all(s, applicable(plan), reports);
    if (!s.json)
        write_stdout(summary_of(reports, now_ns() - start) +
                     (complete ? "" : "INCOMPLETE: stopped before the last window\n"));
    const report_writer writer = write_reports(s, call, reports, complete);
    if (!complete && writer.all_written())
        die_of(stop_signal); // as a run: the shell is to know, and stop its loop
    return writer.exit_code(complete ? exit_code_of(reports) : 128 + stop_signal);
}

} // namespace nmisim::cli
