// SPDX-License-Identifier: MIT
//
// What an exec found, as plain data for text and JSON.
#pragma once

#include "exec/call_table.hpp"
#include "exec/exec_config.hpp"
#include "exec/handlers/audited_handler.hpp"
#include "exec/handlers/function_sweep.hpp"
#include "exec/profile/profile_report.hpp"
#include "exec/trace/supervisor.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::exec {

enum class exec_verdict {
    same,           ///< NMIs were delivered, and no outcome differs
    differs,        ///< an outcome differs, and does so again
    none_delivered, ///< the runs were too short for an NMI
    all_blocked,    ///< NMIs were sent, and every one was blocked to the end
    not_comparable, ///< the command could not be run, or differs from itself
    safe,           ///< the handlers that ran call nothing that they must not
    unsafe,         ///< one does, or changes errno
    none_ran,       ///< no handler did
    sampled,        ///< a profile has samples
    not_judged,     ///< one ran, and what it calls cannot be told
    absent,         ///< it cannot be traced here, or does not live under ptrace
    stopped,        ///< we were asked to stop before the end
};
std::string_view name_of(exec_verdict v) noexcept;

/// One storm, or another run with NMIs.
struct storm_run {
    bool restart = true;
    outcome what;
    traced_end end;
    std::vector<call_row> calls;
};

/// An NMI in one system call.
struct placement {
    std::string at; ///< "0.1:121": process, and which of its calls
    bool restart = true;
    std::string exe;
    long nr = -1;
    std::string call_text; ///< what became of the call: "short: 4096 of 65536, /dev/zero"
    std::string site;
    bool delivered = false;
    std::vector<difference> differences;
};

/// Of single calls: differs, same, or all_blocked where none was delivered.
exec_verdict verdict_of(const std::vector<placement>& all) noexcept;

/// A --fail-if.
struct limit_result {
    std::string condition; ///< as given
    std::string unit;
    bool held = false;
    std::optional<double> value;
    std::string value_text;
};

struct exec_report {
    exec_config config;
    std::vector<outcome> plain;
    bool traced = false; ///< the run without NMIs has been
    outcome traced_plain;
    aspects unstable; ///< those that differ without NMIs: not compared
    std::vector<storm_run> storms;
    std::vector<difference> differences;
    bool each_call = false;
    std::vector<placement> placements; ///< in the order in which they were tried
    std::uint64_t calls = 0;           ///< that could have been tried, of every shard
    std::vector<unsigned> shards;      ///< whose results these are; empty: not shared
    std::vector<limit_result> limits;
    bool audit = false;
    outcome audited; ///< the run
    std::vector<audited_handler> handlers;
    std::uint64_t signals_sent = 0; ///< by the audit
    function_sweep sweep;           ///< with exec_config::function
    profile_found profile;
    int signal = 0;
    int stop_signal = 0;
    exec_verdict verdict = exec_verdict::not_comparable;
    std::string why; ///< of a verdict that is neither same nor differs: what happened, and what to do
};

int exit_code_of(const exec_report& r) noexcept;

std::string to_text(const exec_report& r);
/// A profile, one line a stack, "0 prog;main;work 17": for flamegraph.pl, inferno, speedscope.
std::string folded_text(const exec_report& r);
/// How it can be said again: "nmi-sim exec --each-call -- dd ...".
std::string repeat_text(const exec_report& r);
/// The shards that are missing.
std::vector<unsigned> lacks(const exec_report& r);
/// The command as it was typed, fit for a shell.
std::string command_text(const exec_config& c);
/// Schema: docs/nmi-sim-exec-1.schema.json.
std::string to_json(const exec_report& r);
/// One self-contained page, as html_report.hpp has it for a run.
std::string page_of(const exec_report& r);
/// The samples of a profile as a timeline, for ui.perfetto.dev and speedscope.app. Ends with a newline.
std::string profile_trace_json(const exec_report& r);
/// A journal: the report without its placements, or the runs of its function, on one line, then each of these on its own.
std::string journal_head(const exec_report& r);
std::string journal_line(const placement& p);
std::string journal_line(const boundary_run& b);

} // namespace nmisim::exec
