// SPDX-License-Identifier: MIT
//
// JSON of an exec: docs/nmi-sim-exec-1.schema.json says what each key means. Keys are always present.
#include "exec/exec_report.hpp"
#include "exec/handlers/signal_name.hpp"
#include "explore/step/system_call.hpp"
#include "report/json/json_value.hpp"

#include <fmt/format.h>

#include <csignal>

#include <sys/wait.h>

namespace nmisim::exec {

namespace {

using json = json_value;

json to_json(const content& c)
{
    return json{{"bytes", c.bytes}, {"hash", fmt::format("{:016x}", c.hash)}, {"first_line", first_line(c)}};
}

json outcome_json(const outcome& o)
{
    json files = array_of(o.files, [](const outcome::file& f) {
        return json{{"path", f.path}, {"there", f.there}, {"content", to_json(f.what)}};
    });
    return json{{"hang", o.hang},
                {"exit_status", !o.hang && WIFEXITED(o.status) ? json(WEXITSTATUS(o.status)) : json()},
                {"signal", !o.hang && WIFSIGNALED(o.status) ? json(WTERMSIG(o.status)) : json()},
                {"stdout", to_json(o.out)},
                {"stderr", to_json(o.err)},
                {"files", std::move(files)},
                {"elapsed_ns", o.elapsed_ns},
                {"cpu_ns", o.cpu_ns}};
}

json call_json(const call_row& c)
{
    return json{{"path", c.path},
                {"exe", c.exe},
                {"call", c.nr < 0 ? json() : json(explore::name_of_system_call(c.nr))},
                {"site", c.site},
                {"nmis", c.nmis},
                {"restarted", c.restarted},
                {"eintr", c.eintr},
                {"short", c.short_count},
                {"done", c.done},
                {"detail", c.detail}};
}

json storm_json(const storm_run& s)
{
    const traced_end& e = s.end;
    json processes = array_of(e.processes, [](const auto& p) {
        return json{{"path", p->path}, {"exe", p->exe}, {"threads", p->threads}};
    });
    return json{{"restart", s.restart},
                {"outcome", outcome_json(s.what)},
                {"nmis", json{{"sent", e.sent.sent},
                              {"delivered", e.delivered},
                              {"busy", e.sent.busy},
                              {"held", e.held},
                              {"blocked", e.blocked},
                              {"suppressed", e.suppressed},
                              {"refused", e.sent.refused},
                              {"unmasked", e.unmasked}}},
                {"left_behind", e.left_behind},
                {"unarmed", e.unarmed},
                {"processes", std::move(processes)},
                {"calls", array_of(s.calls, call_json)}};
}

json difference_json(const difference& d)
{
    return json{{"aspect", d.aspect}, {"restart", d.restart}, {"without", d.without}, {"with", d.with},
                {"seen", d.seen},     {"runs", d.runs},       {"counts", d.counts()}};
}

std::string_view name_of(audited_handler::error_number e)
{
    using enum audited_handler::error_number;
    return e == kept ? "kept" : e == changed ? "changed" : "not-known";
}

json audit_entry_json(const explore::audit_entry& e)
{
    return json{{"function", e.function},
                {"object", e.object},
                {"safe", e.safe},
                {"why", e.why},
                {"called_from", explore::name_of(e.called_from)},
                {"source", e.called_from.source},
                {"calls", e.calls},
                {"chain", e.chain}};
}

json handler_json(const audited_handler& h)
{
    json calls = array_of(h.system_calls, [](const auto& call) {
        return json{{"call", explore::name_of_system_call(call.first)}, {"count", call.second}};
    });
    return json{{"path", h.path},
                {"exe", h.exe},
                {"signal", signal_name(h.signal)},
                {"handler", h.name},
                {"source", h.source},
                {"ran", h.ran},
                {"sent", h.sent},
                {"stepped", h.stepped},
                {"cut", h.cut},
                {"returned", h.returned},
                {"jumped", h.jumped},
                {"ended", h.ended},
                {"last_call", h.last_call},
                {"steps", h.steps},
                {"stack_bytes", h.stack_bytes},
                {"alternate_stack", h.alternate_stack},
                {"errno", name_of(h.error)},
                {"errno_before", h.error_before},
                {"errno_after", h.error_after},
                {"judged", h.judged()},
                {"stripped", !h.names},
                {"static", !h.libraries},
                {"calls", h.calls},
                {"bound_lazily", h.bound},
                {"atomics", h.atomics},
                {"unsafe", h.unsafe()},
                {"functions", array_of(h.functions, audit_entry_json)},
                {"system_calls", std::move(calls)}};
}

json audit_json(const exec_report& r)
{
    if (!r.audit)
        return json();
    return json{{"signal", r.config.signal != 0 ? json(signal_name(r.config.signal)) : json()},
                {"allow", r.config.allowed},
                {"sent", r.signals_sent},
                {"outcome", outcome_json(r.audited)},
                {"handlers", array_of(r.handlers, handler_json)}};
}

json boundary_json(const boundary_run& b)
{
    return json{{"at", b.at},
                {"source", b.source},
                {"instruction", b.instruction},
                {"state", b.state},
                {"forked", b.forked},
                {"call", b.call},
                {"execution", b.execution},
                {"differences", array_of(b.differences, difference_json)}};
}

json function_json(const exec_report& r)
{
    if (r.config.function.empty())
        return json();
    const function_sweep& s = r.sweep;
    return json{{"signal", signal_name(r.config.signal)},
                {"name", r.config.function},
                {"path", s.path},
                {"exe", s.exe},
                {"steps", s.steps},
                {"cut", s.cut},
                {"visit", r.config.visit},
                {"instructions", s.instructions},
                {"boundaries", s.boundaries},
                {"without_handler", s.without_handler},
                {"elapsed_ns", s.elapsed_ns},
                {"refuted", s.refuted},
                {"why_not_forked", s.why_not_forked},
                {"spread_runs", s.spread_runs},
                {"only_together", s.only_together},
                {"why_not_spread", s.why_not_spread},
                {"runs", array_of(s.runs, boundary_json)}};
}

json placement_json(const placement& p)
{
    return json{{"at", p.at},
                {"restart", p.restart},
                {"exe", p.exe},
                {"call", explore::name_of_system_call(p.nr)},
                {"what", p.call_text},
                {"site", p.site},
                {"delivered", p.delivered},
                {"differences", array_of(p.differences, difference_json)}};
}

json limit_json(const limit_result& l)
{
    return json{{"condition", l.condition},
                {"held", l.held},
                {"unit", l.unit},
                {"value", l.value ? json(*l.value) : json()}};
}

json options_of(const exec_config& c)
{
    return json{{"rate_hz", c.rate_hz},
                {"restart", name_of(c.restarts)},
                {"baseline", c.baseline},
                {"compare", c.compared},
                {"timeout_ns", c.timeout_ns},
                {"wait", name_of(c.waits)},
                {"stdin", c.stdin_file},
                {"seed", c.seed},
                {"every_call", c.every_call},
                {"only_calls", array_of(c.only_calls, explore::name_of_system_call)},
                {"at", c.at},
                {"place", name_of(c.placing)},
                {"limit", c.limit},
                {"jobs", c.jobs},
                {"shards", c.shard.of},
                {"mask", name_of(c.mask)},
                {"follow", name_of(c.follow)},
                {"stacks", name_of(c.frames)},
                {"fork", name_of(c.forks)},
                {"calls", name_of(c.calls)}};
}

json rows_json(const std::vector<profiled_function>& rows)
{
    return array_of(rows, [](const profiled_function& f) {
        return json{{"function", f.function}, {"object", f.object}, {"self", f.self}, {"total", f.total}};
    });
}

/// null where none was asked for.
json profile_json(const profile_found& p)
{
    if (!p.asked)
        return json();
    json threads = array_of(p.by_thread, [](const profiled_thread& t) {
        return json{{"path", t.path},
                    {"exe", t.exe},
                    {"name", t.name},
                    {"samples", t.samples},
                    {"functions", rows_json(t.functions)}};
    });
    return json{
        {"outcome", outcome_json(p.what)},
        {"clock", p.refused == 0 ? "perf_event" : "timer"},
        {"period_ns", p.period_ns},
        {"samples", p.counts.taken},
        {"with_callers", p.with_callers},
        {"lost",
         json{{"no_room", p.counts.no_room}, {"cut_off", p.counts.cut_off}, {"gave_up", p.counts.gave_up}}},
        {"swaps", p.counts.swaps},
        {"drained", p.counts.drained},
        {"eras", p.counts.eras},
        {"programs", p.programs},
        {"unarmed", p.unarmed},
        {"processes", p.processes},
        {"threads", p.threads},
        {"without_clock", p.without_clock},
        {"left_behind", p.left_behind},
        {"events_lost", p.events_lost},
        {"functions", rows_json(p.functions)},
        {"by_thread", std::move(threads)}};
}

json document_of(const exec_report& r)
{
    return json{{"schema", "nmi-sim-exec-1"},
                {"schema_version", 1},
                {"verb", "exec"},
                {"command", r.config.argv},
                {"options", options_of(r.config)},
                {"signal", r.signal},
                {"verdict", name_of(r.verdict)},
                {"exit_code", exit_code_of(r)},
                {"why", r.why},
                {"complete", r.verdict != exec_verdict::stopped && lacks(r).empty()},
                {"baseline", json{{"runs", array_of(r.plain, outcome_json)},
                                  {"traced", r.traced ? outcome_json(r.traced_plain) : json()},
                                  {"unstable", r.unstable}}},
                {"storms", array_of(r.storms, storm_json)},
                {"differences", array_of(r.differences, difference_json)},
                {"each_call", r.each_call},
                {"calls", r.calls},
                {"shards", r.shards},
                {"placements", array_of(r.placements, placement_json)},
                {"limits", array_of(r.limits, limit_json)},
                {"audit", audit_json(r)},
                {"function", function_json(r)},
                {"profile", profile_json(r.profile)}};
}

} // namespace

std::string to_json(const exec_report& r)
{
    return document_of(r).dump(1) + "\n";
}

std::string journal_head(const exec_report& r)
{
    exec_report unfinished = r;
    unfinished.placements = {};
    unfinished.sweep.runs = {};
    unfinished.verdict = exec_verdict::stopped;
    unfinished.why = "stopped before the end";
    return document_of(unfinished).dump() + "\n";
}

std::string journal_line(const placement& p)
{
    return placement_json(p).dump() + "\n";
}

std::string journal_line(const boundary_run& b)
{
    return boundary_json(b).dump() + "\n";
}

} // namespace nmisim::exec
