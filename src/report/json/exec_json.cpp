// SPDX-License-Identifier: MIT
//
// JSON of an exec: docs/nmi-sim-exec-1.schema.json says what each key means. Keys are always present.
#include "base/shown_text.hpp"
#include "exec/exec_report.hpp"
#include "exec/handlers/signal_name.hpp"
#include "explore/step/system_call.hpp"
#include "report/json/exec_profile_json.hpp"
#include "report/json/json_value.hpp"

#include <fmt/format.h>

#include <csignal>

#include <sys/wait.h>

namespace nmisim::exec {

namespace {

using json = json_value;

std::string first_line(const content& c)
{
    constexpr std::size_t most = 60;
    const std::string_view line = std::string_view(c.head).substr(0, c.head.find('\n'));
    return has_controls(line) ? "" : shown(line, most);
}

json to_json(const content& c)
{
    return json{{"bytes", c.bytes}, {"hash", fmt::format("{:016x}", c.hash)}, {"first_line", first_line(c)}};
}

json to_json(const outcome& o)
{
    json files = json::array();
    for (const outcome::file& f : o.files)
        files.push_back(json{{"path", f.path}, {"there", f.there}, {"content", to_json(f.what)}});
    return json{{"hang", o.hang},
                {"exit_status", !o.hang && WIFEXITED(o.status) ? json(WEXITSTATUS(o.status)) : json()},
                {"signal", !o.hang && WIFSIGNALED(o.status) ? json(WTERMSIG(o.status)) : json()},
                {"stdout", to_json(o.out)},
                {"stderr", to_json(o.err)},
                {"files", std::move(files)},
                {"elapsed_ns", o.elapsed_ns},
                {"cpu_ns", o.cpu_ns}};
}

json to_json(const call_row& c)
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

json to_json(const storm_run& s)
{
    const traced_end& e = s.end;
    json processes = json::array();
    for (const auto& p : e.processes)
        processes.push_back(json{{"path", p->path}, {"exe", p->exe}, {"threads", p->threads}});
    json calls = json::array();
    for (const call_row& c : s.calls)
        calls.push_back(to_json(c));
    return json{{"restart", s.restart},
                {"outcome", to_json(s.what)},
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
                {"calls", std::move(calls)}};
}

json to_json(const std::vector<difference>& all)
{
    json found = json::array();
    for (const difference& d : all)
        found.push_back(json{{"aspect", d.aspect},
                             {"restart", d.restart},
                             {"without", d.without},
                             {"with", d.with},
                             {"seen", d.seen},
                             {"runs", d.runs},
                             {"counts", d.counts()}});
    return found;
}

std::string_view name_of(audited_handler::error_number e)
{
    using enum audited_handler::error_number;
    return e == kept ? "kept" : e == changed ? "changed" : "not-known";
}

json to_json(const explore::audit_entry& e)
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

json to_json(const audited_handler& h)
{
    json functions = json::array();
    for (const explore::audit_entry& e : h.functions)
        functions.push_back(to_json(e));
    json calls = json::array();
    for (const auto& [nr, count] : h.system_calls)
        calls.push_back(json{{"call", explore::name_of_system_call(nr)}, {"count", count}});
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
                {"functions", std::move(functions)},
                {"system_calls", std::move(calls)}};
}

json audit_json(const exec_report& r)
{
    if (!r.audit)
        return json();
    json handlers = json::array();
    for (const audited_handler& h : r.handlers)
        handlers.push_back(to_json(h));
    return json{{"signal", r.config.signal != 0 ? json(signal_name(r.config.signal)) : json()},
                {"allow", r.config.allowed},
                {"sent", r.signals_sent},
                {"outcome", to_json(r.audited)},
                {"handlers", std::move(handlers)}};
}

json to_json(const boundary_run& b)
{
    return json{{"at", b.at},
                {"source", b.source},
                {"instruction", b.instruction},
                {"state", b.state},
                {"forked", b.forked},
                {"call", b.call},
                {"execution", b.execution},
                {"differences", to_json(b.differences)}};
}

json function_json(const exec_report& r)
{
    if (r.config.function.empty())
        return json();
    const function_sweep& s = r.sweep;
    json runs = json::array();
    for (const boundary_run& b : s.runs)
        runs.push_back(to_json(b));
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
                {"runs", std::move(runs)}};
}

json to_json(const placement& p)
{
    return json{{"at", p.at},
                {"restart", p.restart},
                {"exe", p.exe},
                {"call", explore::name_of_system_call(p.nr)},
                {"what", p.call_text},
                {"site", p.site},
                {"delivered", p.delivered},
                {"differences", to_json(p.differences)}};
}

json to_json(const limit_result& l)
{
    return json{{"condition", l.condition},
                {"held", l.held},
                {"unit", l.unit},
                {"value", l.value ? json(*l.value) : json()}};
}

json names_of(const std::vector<long>& calls)
{
    json all = json::array();
    for (const long nr : calls)
        all.push_back(explore::name_of_system_call(nr));
    return all;
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
                {"only_calls", names_of(c.only_calls)},
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

json document_of(const exec_report& r, json placements)
{
    json plain = json::array();
    for (const outcome& o : r.plain)
        plain.push_back(to_json(o));
    json storms = json::array();
    for (const storm_run& s : r.storms)
        storms.push_back(to_json(s));
    json found = to_json(r.differences);
    json limits = json::array();
    for (const limit_result& l : r.limits)
        limits.push_back(to_json(l));
    const json document{{"schema", "nmi-sim-exec-1"},
                        {"schema_version", 1},
                        {"verb", "exec"},
                        {"command", r.config.argv},
                        {"options", options_of(r.config)},
                        {"signal", r.signal},
                        {"verdict", name_of(r.verdict)},
                        {"exit_code", exit_code_of(r)},
                        {"why", r.why},
                        {"complete", r.verdict != exec_verdict::stopped && lacks(r).empty()},
                        {"baseline", json{{"runs", std::move(plain)},
                                          {"traced", r.traced ? to_json(r.traced_plain) : json()},
                                          {"unstable", r.unstable}}},
                        {"storms", std::move(storms)},
                        {"differences", std::move(found)},
                        {"each_call", r.each_call},
                        {"calls", r.calls},
                        {"shards", r.shards},
                        {"placements", std::move(placements)},
                        {"limits", std::move(limits)},
                        {"audit", audit_json(r)},
                        {"function", function_json(r)},
                        {"profile", profile_json(r.profile, to_json(r.profile.what))}};
    return document;
}

} // namespace

std::string to_json(const exec_report& r)
{
    json placements = json::array();
    for (const placement& p : r.placements)
        placements.push_back(to_json(p));
    return document_of(r, std::move(placements)).dump(1) + "\n";
}

std::string journal_head(const exec_report& r)
{
    exec_report unfinished = r;
    unfinished.sweep.runs = {};
    unfinished.verdict = exec_verdict::stopped;
    unfinished.why = "stopped before the end";
    return document_of(unfinished, json::array()).dump() + "\n";
}

std::string journal_line(const placement& p)
{
    return to_json(p).dump() + "\n";
}

std::string journal_line(const boundary_run& b)
{
    return to_json(b).dump() + "\n";
}

} // namespace nmisim::exec
