// SPDX-License-Identifier: MIT
#include "report/json/json_report.hpp"

#include "report/build_info.hpp"
#include "report/json/json_value.hpp"
#include "verify/run_remarks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace nmisim {

namespace {

using json = json_value;

constexpr std::uint64_t greatest_integer = (std::uint64_t{1} << 53) - 1; // that every JSON reader keeps exact

std::uint64_t integer(std::uint64_t n)
{
    return std::min(n, greatest_integer);
}

double rate_hz(std::uint64_t n, std::uint64_t elapsed_ns)
{
    return elapsed_ns == 0 ? 0 : static_cast<double>(n) * 1e9 / static_cast<double>(elapsed_ns);
}

json tool_json()
{
    return {{"name", "nmi-sim"},
            {"version", tool_version},
            {"compiler", compiler_text},
            {"sanitizer", sanitizer_name},
            {"build", build_type}};
}

json host_json(const host_info& h)
{
    return {{"kernel", h.kernel},
            {"machine", h.machine},
            {"cpus_online", h.cpus_online},
            {"cpus_allowed", h.cpus_allowed},
            {"virtual", h.is_virtual},
            {"rlimit_sigpending", integer(h.rlimit_sigpending)},
            {"sigq_at_start", h.signals_queued},
            {"loadavg_at_start", h.load_average}};
}

json config_json(const run_config& c)
{
    const machine_config& m = c.machine;
    return {{"cpus", m.cpus},
            {"flavor", name_of(m.rcu)},
            {"delivery", name_of(m.delivery)},
            {"max_in_flight", m.max_in_flight},
            {"workload", name_of(m.workload)},
            {"percpu", name_of(m.percpu)},
            {"nesting", name_of(m.nesting)},
            {"signal", fmt::format("RTMIN+{}", m.signal_offset)},
            {"pinned", m.pin},
            {"panic_on_unknown_nmi", m.panic_on_unknown_nmi},
            {"irqs", m.irqs},
            {"irq_rate_per_s", m.irqs == 0 ? 0 : c.irq_rate_hz},
            {"rate_max", c.inject.rate_max},
            {"rate_per_s", c.inject.rate_max ? 0 : c.inject.rate_hz},
            {"sources", array_of(c.sources, [](source_kind s) { return name_of(s); })},
            {"arrival", name_of(c.inject.arrival)},
            {"burst", c.inject.burst},
            {"chain", c.chain},
            {"latency", m.measure_latency},
            {"swap", c.swap},
            {"swap_interval_ns", c.swap_interval_ns},
            {"onoff", c.onoff},
            {"onoff_interval_ns", c.onoff_interval_ns},
            {"reclaim", name_of(c.reclaim)},
            {"controller", name_of(c.controller_place)},
            {"handler", name_of(c.handler)},
            {"hold_ns", c.hold_ns},
            {"watchdog_thresh_ns", c.watchdog_thresh_ns},
            {"nmi_longest_ns", c.nmi_longest_ns},
            {"fault", name_of(c.fault)},
            {"duration_ns", c.duration_ns},
            {"stall_timeout_ns", c.stall_timeout_ns},
            {"seed", integer(c.seed)},
            {"keep_going", c.keep_going}};
}

json nmis_json(const run_report& r)
{
    const cpu_report& t = r.total;
    const std::optional<double> ratio = handled_ratio(r);
    return {{"requested", r.requested},
            {"raised", t.raised},
            {"handled", t.handled},
            {"handled_ratio", ratio ? json(*ratio) : json(nullptr)},
            {"coalesced", t.coalesced},
            {"rejected", t.rejected},
            {"offline", t.offline},
            {"unknown", t.unknown},
            {"external", t.external},
            {"normal", t.normal},
            {"swallow", t.swallow},
            {"nested", t.nested},
            {"restarts", t.restarts},
            {"max_depth", t.max_depth},
            {"throttled", r.throttled},
            {"raised_per_s", rate_hz(t.raised, r.elapsed_ns)},
            {"handled_per_s", rate_hz(t.handled, r.elapsed_ns)}};
}

json source_json(const source_report& s)
{
    return {{"source", name_of(s.kind)},
            {"requested", s.counted ? json(s.requested) : json(nullptr)},
            {"raised", s.raised},
            {"overruns", s.overruns},
            {"not_armed", s.not_armed}};
}

json cpu_json(const cpu_report& c)
{
    return {{"cpu", c.cpu},
            {"pinned_to", c.pinned_to},
            {"raised", c.raised},
            {"handled", c.handled},
            {"coalesced", c.coalesced},
            {"rejected", c.rejected},
            {"offline", c.offline},
            {"unknown", c.unknown},
            {"external", c.external},
            {"normal", c.normal},
            {"swallow", c.swallow},
            {"max_in_flight", c.max_in_flight},
            {"nested", c.nested},
            {"restarts", c.restarts},
            {"max_depth", c.max_depth},
            {"work", c.work},
            {"times_onlined", c.times_onlined}};
}

json irq_json(const run_report& r, const irq_report& irq)
{
    const json by_cpu = array_of(
        r.cpus, [&](const cpu_report& c) { return c.irqs[static_cast<std::size_t>(irq.irq)].handled; });
    return {{"irq", irq.irq},
            {"raised", irq.raised},
            {"handled", irq.handled},
            {"coalesced", irq.coalesced},
            {"rejected", irq.rejected},
            {"offline", irq.offline},
            {"unhandled", irq.unhandled},
            {"handled_by_cpu", by_cpu}};
}

json latency_json(const latency& l)
{
    json buckets = json::array();
    for (int i = 0; i < histogram_buckets; ++i)
        if (const std::uint64_t n = l.buckets[static_cast<std::size_t>(i)]; n != 0)
            buckets.push_back(json::array({histogram_floor(i), histogram_floor(i + 1), n}));
    return {{"count", l.count},
            {"min", l.min_ns},
            {"mean", l.mean_ns()},
            {"p50", l.percentile_ns(0.5)},
            {"p90", l.percentile_ns(0.9)},
            {"p99", l.percentile_ns(0.99)},
            {"p99_9", l.percentile_ns(0.999)},
            {"max", l.max_ns},
            {"histogram", buckets}};
}

json check_json(const check_report& c)
{
    json first = nullptr;
    if (c.failures != 0)
        first = json{{"text", c.first},
                     {"at_s", c.first_at_s},
                     {"cpu", c.first_cpu},
                     {"generation", c.first_generation}};
    return {{"id", name_of(c.id)},
            {"status", name_of(c.status)},
            {"looked_at", c.looked_at},
            {"unit", c.looked_at_what},
            {"failures", c.failures},
            {"evidence", c.evidence},
            {"first_failure", std::move(first)}};
}

json threshold_json(const threshold_result& t)
{
    constexpr std::array units{"ns", "per_s", "count", "ratio"};
    return {{"condition", t.condition},
            {"held", t.held},
            {"unit", units[static_cast<std::size_t>(t.unit)]},
            {"value", t.value ? json(*t.value) : json(nullptr)}};
}

json profile_json(const profile_report& p)
{
    const json rows = array_of(p.rows, [](const profile_row& r) {
        return json{{"function", r.function}, {"object", r.object}, {"samples", r.samples}};
    });
    const json split = array_of(p.split, [](const split_row& s) {
        return json{
            {"function", s.function}, {"meant", s.meant}, {"measured", s.measured}, {"sampled", s.sampled}};
    });
    return {
        {"taken", p.taken}, {"lost", p.lost}, {"handlers", p.drained}, {"functions", rows}, {"split", split}};
}

json watchdog_json(const watchdog_report& w)
{
    const json lockups = array_of(w.lockups, [](const lockup_report& l) {
        return json{{"cpu", l.cpu}, {"after_ns", l.after_ns}, {"backtrace", l.backtrace}};
    });
    return {{"ticks", w.ticks}, {"looks", w.looks}, {"lockups", lockups}};
}

json backtrace_json(const backtrace_report& b)
{
    const json last = array_of(b.last, [](const cpu_backtrace& c) {
        return json{{"cpu", c.cpu}, {"frames", c.frames}};
    });
    return {{"asked", b.asked},
            {"answered", b.answered},
            {"unanswered", b.unanswered},
            {"longest_ns", b.longest_ns},
            {"last", last}};
}

} // namespace

std::string json_report(const run_report& r, const report_context& context)
{
    const char* const signal = r.stop_reason == stop_reason::signal ? sigabbrev_np(r.stop_signal) : nullptr;
    const json report{
        {"schema", "nmi-sim-result-1"},
        {"schema_version", json_schema_version},
        {"tool", tool_json()},
        {"host", host_json(context.host)},
        {"argv", context.argv},
        {"repeat", context.repeat},
        {"config", config_json(r.config)},
        {"started", context.started},
        {"elapsed_ns", r.elapsed_ns},
        {"status", name_of(verdict_of(r, context))},
        {"exit_code", context.exit_code},
        {"complete", r.complete},
        {"stop_reason", name_of(r.stop_reason)},
        {"stop_signal", signal == nullptr ? json(nullptr) : json(std::string("SIG") + signal)},
        {"nmis", nmis_json(r)},
        {"sources", array_of(r.sources, source_json)},
        {"cpus", array_of(r.cpus, cpu_json)},
        {"irqs", array_of(r.irqs, [&r](const irq_report& irq) { return irq_json(r, irq); })},
        {"swaps",
         {{"done", r.swaps},
          {"irq_done", r.irq_swaps},
          {"chain_done", r.chain_swaps},
          {"late", r.late_swaps},
          {"retired", r.retired},
          {"reclaimed", r.reclaimed},
          {"waiting_max", r.waiting_max},
          {"done_per_s", rate_hz(r.swaps, r.elapsed_ns)}}},
        {"hotplug", {{"offlined", r.offlined}, {"onlined", r.onlined}, {"failed", r.onoff_failed}}},
        {"handler_age", r.handler_age},
        {"latency_ns",
         {{"delivery", latency_json(r.delivery)},
          {"injector", latency_json(r.injector)},
          {"handler", latency_json(r.handler)},
          {"irq_delivery", latency_json(r.irq_delivery)},
          {"irq_handler", latency_json(r.irq_handler)},
          {"publish", latency_json(r.publish)},
          {"grace_period", latency_json(r.grace_period)},
          {"reclaim", latency_json(r.reclaim)},
          {"swap", latency_json(r.swap)},
          {"cpu_down", latency_json(r.cpu_down)},
          {"cpu_up", latency_json(r.cpu_up)}}},
        {"checks", array_of(r.checks, check_json)},
        {"stalls", array_of(r.stalls,
                            [](const stall_report& s) {
                                return json{{"cpu", s.cpu}, {"state", s.state}, {"backtrace", s.backtrace}};
                            })},
        {"thresholds", array_of(context.thresholds, threshold_json)},
        {"remarks", array_of(r.remarks,
                             [](const remark& m) {
                                 return json{{"code", m.code}, {"text", m.text}};
                             })},
        {"long_handlers",
         {{"too_long", r.long_handlers.too_long},
          {"reported", r.long_handlers.reported},
          {"max_ns", r.long_handlers.max_ns},
          {"max_cpu_ns", r.long_handlers.max_cpu_ns}}},
        {"profile", r.profile ? profile_json(*r.profile) : json()},
        {"watchdog", r.watchdog ? watchdog_json(*r.watchdog) : json()},
        {"backtrace", r.backtrace ? backtrace_json(*r.backtrace) : json()},
    };
    return report.dump(2) + "\n";
}

std::string dry_run_json(const run_config& config, const std::vector<preflight_finding>& findings,
                         const report_context& context)
{
    const bool ready = std::none_of(findings.begin(), findings.end(), [](const auto& f) { return f.fatal; });
    const json document{
        {"schema", "nmi-sim-dry-run-1"},
        {"schema_version", json_schema_version},
        {"tool", tool_json()},
        {"host", host_json(context.host)},
        {"argv", context.argv},
        {"repeat", context.repeat},
        {"config", config_json(config)},
        {"ready", ready},
        {"findings", array_of(findings,
                              [](const preflight_finding& f) {
                                  return json{{"code", f.code}, {"fatal", f.fatal}, {"text", f.text}};
                              })},
        {"exit_code", context.exit_code}};
    return document.dump(2) + "\n";
}

} // namespace nmisim
