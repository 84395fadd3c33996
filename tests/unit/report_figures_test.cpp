// SPDX-License-Identifier: MIT
//
// Every value of the JSON report, from a report in which no two are alike. Two fields that are mixed up turn a test
// red, and so does a field without a row here.
#include "report/json/json_report.hpp"
#include "support/catch2.hpp"
#include "support/full_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;
using nlohmann::json;

namespace {

/// JSON pointer of a value, and the value.
using flat = std::map<std::string, json>;

flat flatten(const json& j)
{
    return j.flatten().get<flat>();
}

void add(flat& all, const std::string& at, std::initializer_list<std::pair<const char*, json>> values)
{
    for (const auto& [name, value] : values)
        for (const auto& [below, leaf] : flatten(json{{name, value}}))
            all[at + below] = leaf;
}

void add_config(flat& all, const run_config& c)
{
    const machine_config& m = c.machine;
    add(all, "/config",
        {{"cpus", m.cpus},
         {"flavor", "bp"},
         {"delivery", "queue"},
         {"max_in_flight", m.max_in_flight},
         {"workload", "alloc"},
         {"percpu", "array"},
         {"nesting", "nested"},
         {"signal", fmt::format("RTMIN+{}", m.signal_offset)},
         {"pinned", false},
         {"panic_on_unknown_nmi", false},
         {"irqs", m.irqs},
         {"irq_rate_per_s", c.irq_rate_hz},
         {"rate_max", false},
         {"rate_per_s", c.inject.rate_hz},
         {"sources", {"timer", "ipi"}},
         {"arrival", "burst"},
         {"burst", c.inject.burst},
         {"chain", c.chain},
         {"latency", false},
         {"swap", false},
         {"swap_interval_ns", c.swap_interval_ns},
         {"onoff", false},
         {"onoff_interval_ns", c.onoff_interval_ns},
         {"reclaim", "call_rcu"},
         {"controller", "vcpu"},
         {"handler", "watchdog"},
         {"hold_ns", c.hold_ns},
         {"watchdog_thresh_ns", c.watchdog_thresh_ns},
         {"nmi_longest_ns", c.nmi_longest_ns},
         {"fault", "drop-latched"},
         {"duration_ns", c.duration_ns},
         {"stall_timeout_ns", c.stall_timeout_ns},
         {"seed", c.seed},
         {"keep_going", false}});
}

void add_nmis(flat& all, const run_report& r)
{
    const cpu_report& t = r.total;
    add(all, "/nmis",
        {{"requested", r.requested},
         {"raised", t.raised},
         {"handled", t.handled},
         {"handled_ratio", // of what was due, and of what the IPIs raised besides
          static_cast<double>(t.handled) / static_cast<double>(r.requested + r.sources[1].raised)},
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
         {"raised_per_s", static_cast<double>(t.raised) / 2},
         {"handled_per_s", static_cast<double>(t.handled) / 2}});
}

void add_cpu(flat& all, const cpu_report& c, std::size_t i)
{
    add(all, fmt::format("/cpus/{}", i),
        {{"cpu", c.cpu},
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
         {"times_onlined", c.times_onlined}});
}

void add_irq(flat& all, const run_report& r, std::size_t i)
{
    const irq_report& irq = r.irqs[i];
    add(all, fmt::format("/irqs/{}", i),
        {{"irq", irq.irq},
         {"raised", irq.raised},
         {"handled", irq.handled},
         {"coalesced", irq.coalesced},
         {"rejected", irq.rejected},
         {"offline", irq.offline},
         {"unhandled", irq.unhandled},
         {"handled_by_cpu", {r.cpus[0].irqs[i].handled, r.cpus[1].irqs[i].handled}}});
}

void add_latency(flat& all, const named_latency& which, const run_report& r)
{
    const latency& l = r.*which.member;
    json buckets = json::array();
    for (int i = 0; i < histogram_buckets; ++i)
        if (l.buckets[static_cast<std::size_t>(i)] != 0)
            buckets.push_back(
                {histogram_floor(i), histogram_floor(i + 1), l.buckets[static_cast<std::size_t>(i)]});
    add(all, fmt::format("/latency_ns/{}", which.name),
        {{"count", 1000},
         {"min", l.min_ns},
         {"mean", static_cast<double>(l.sum_ns) / 1000},
         {"p50", l.percentile_ns(0.5)},
         {"p90", l.percentile_ns(0.9)},
         {"p99", l.percentile_ns(0.99)},
         {"p99_9", l.percentile_ns(0.999)},
         {"max", l.max_ns},
         {"histogram", buckets}});
}

void add_checks(flat& all, const run_report& r)
{
    for (std::size_t i = 0; i < r.checks.size(); ++i) {
        const check_report& c = r.checks[i];
        const std::string at = fmt::format("/checks/{}", i);
        add(all, at,
            {{"id", std::string(name_of(c.id))},
             {"status", std::string(name_of(c.status))},
             {"looked_at", c.looked_at},
             {"unit", c.looked_at_what},
             {"failures", c.failures},
             {"evidence", c.evidence}});
        if (c.failures == 0)
            add(all, at, {{"first_failure", nullptr}});
        else
            add(all, at + "/first_failure",
                {{"text", c.first},
                 {"at_s", c.first_at_s},
                 {"cpu", c.first_cpu},
                 {"generation", c.first_generation}});
    }
}

void add_jobs(flat& all, const run_report& r)
{
    add(all, "/long_handlers",
        {{"too_long", r.long_handlers.too_long},
         {"reported", r.long_handlers.reported},
         {"max_ns", r.long_handlers.max_ns},
         {"max_cpu_ns", r.long_handlers.max_cpu_ns}});
    const auto row = [](const profile_row& p) {
        return json{{"function", p.function}, {"object", p.object}, {"samples", p.samples}};
    };
    const auto part = [](const split_row& s) {
        return json{
            {"function", s.function}, {"meant", s.meant}, {"measured", s.measured}, {"sampled", s.sampled}};
    };
    const profile_report& p = *r.profile;
    add(all, "/profile",
        {{"taken", p.taken},
         {"lost", p.lost},
         {"handlers", p.drained},
         {"functions", {row(p.rows[0]), row(p.rows[1])}},
         {"split", {part(p.split[0]), part(p.split[1])}}});
    const auto lockup = [](const lockup_report& l) {
        return json{{"cpu", l.cpu}, {"after_ns", l.after_ns}, {"backtrace", l.backtrace}};
    };
    add(all, "/watchdog",
        {{"ticks", r.watchdog->ticks},
         {"looks", r.watchdog->looks},
         {"lockups", {lockup(r.watchdog->lockups[0]), lockup(r.watchdog->lockups[1])}}});
    const backtrace_report& b = *r.backtrace;
    const auto stack = [](const cpu_backtrace& c) { return json{{"cpu", c.cpu}, {"frames", c.frames}}; };
    add(all, "/backtrace",
        {{"asked", b.asked},
         {"answered", b.answered},
         {"unanswered", b.unanswered},
         {"longest_ns", b.longest_ns},
         {"last", {stack(b.last[0]), stack(b.last[1])}}});
}

flat expected_json(const run_report& r, const report_context& c)
{
    flat all;
    add_config(all, r.config);
    add_nmis(all, r);
    for (std::size_t i = 0; i < 2; ++i) {
        add_cpu(all, r.cpus[i], i);
        add_irq(all, r, i);
        const source_report& s = r.sources[i];
        add(all, fmt::format("/sources/{}", i),
            {{"source", i == 0 ? "timer" : "ipi"},
             {"requested", s.counted ? json(s.requested) : json(nullptr)},
             {"raised", s.raised},
             {"overruns", s.overruns},
             {"not_armed", s.not_armed}});
        add(all, fmt::format("/stalls/{}", i),
            {{"cpu", r.stalls[i].cpu}, {"state", r.stalls[i].state}, {"backtrace", r.stalls[i].backtrace}});
        add(all, fmt::format("/remarks/{}", i), {{"code", r.remarks[i].code}, {"text", r.remarks[i].text}});
    }
    add(all, "/swaps",
        {{"done", r.swaps},
         {"irq_done", r.irq_swaps},
         {"chain_done", r.chain_swaps},
         {"late", r.late_swaps},
         {"retired", r.retired},
         {"reclaimed", r.reclaimed},
         {"waiting_max", r.waiting_max},
         {"done_per_s", static_cast<double>(r.swaps) / 2}});
    add(all, "/hotplug", {{"offlined", r.offlined}, {"onlined", r.onlined}, {"failed", r.onoff_failed}});
    for (const named_latency& l : all_latencies)
        add_latency(all, l, r);
    add_checks(all, r);
    add_jobs(all, r);
    add(all, "/host",
        {{"kernel", c.host.kernel},
         {"machine", c.host.machine},
         {"cpus_online", c.host.cpus_online},
         {"cpus_allowed", c.host.cpus_allowed},
         {"virtual", false},
         {"rlimit_sigpending", c.host.rlimit_sigpending},
         {"sigq_at_start", c.host.signals_queued},
         {"loadavg_at_start", c.host.load_average}});
    const auto condition = [](const char* text, const char* unit, const json& value) {
        return json{{"condition", text}, {"held", false}, {"unit", unit}, {"value", value}};
    };
    add(all, "",
        {{"schema", "nmi-sim-result-1"},
         {"schema_version", json_schema_version},
         {"argv", c.argv},
         {"repeat", c.repeat},
         {"started", c.started},
         {"elapsed_ns", 2'000'000'000},
         {"status", "fail"},
         {"exit_code", c.exit_code},
         {"complete", false},
         {"stop_reason", "signal"},
         {"stop_signal", "SIGTERM"},
         {"handler_age", r.handler_age},
         {"thresholds",
          {condition("first>1", "ns", *c.thresholds[0].value),
           condition("second>2", "per_s", *c.thresholds[1].value), condition("third>3", "count", nullptr)}}});
    return all;
}

flat told(const run_report& r, const report_context& c)
{
    flat all = flatten(json::parse(json_report(r, c)));
    std::erase_if(all, [](const auto& row) { return row.first.starts_with("/tool/"); }); // of the build
    return all;
}

} // namespace

TEST_CASE("each value of the JSON report is the one that its name says, and none is without a row here",
          "[json]")
{
    const run_report r = full_report();
    const report_context c = full_context();
    const flat expected = expected_json(r, c);
    const flat actual = told(r, c);
    for (const auto& [at, value] : expected) {
        CAPTURE(at);
        REQUIRE(actual.contains(at));
        CHECK(actual.at(at).dump() == value.dump());
    }
    for (const auto& [at, value] : actual) {
        CAPTURE(at, value.dump());
        CHECK(expected.contains(at));
    }
}

TEST_CASE("no two figures of the full report are alike, so that each is known by its value", "[json]")
{
    std::multiset<double> figures;
    for (const auto& [at, value] : told(full_report(), full_context()))
        if (value.is_number() && at.find("/histogram/") == std::string::npos &&
            !at.starts_with("/profile/split") && !at.ends_with("/count"))
            figures.insert(value.get<double>());
    // The numbers of vCPUs and lines, and failures of checks that did not fail, are small or none.
    for (const double figure : figures)
        if (figure >= 500) {
            CAPTURE(figure);
            CHECK(figures.count(figure) == 1);
        }
}

TEST_CASE("each flag of the JSON report is told by its own name", "[json]")
{
    struct flag {
        const char* at;
        void (*set)(run_report&, report_context&);
    };
    const auto f = GENERATE(
        flag{"/config/pinned", [](run_report& r, report_context&) { r.config.machine.pin = true; }},
        flag{"/config/panic_on_unknown_nmi",
             [](run_report& r, report_context&) { r.config.machine.panic_on_unknown_nmi = true; }},
        flag{"/config/latency",
             [](run_report& r, report_context&) { r.config.machine.measure_latency = true; }},
        flag{"/config/swap", [](run_report& r, report_context&) { r.config.swap = true; }},
        flag{"/config/onoff", [](run_report& r, report_context&) { r.config.onoff = true; }},
        flag{"/config/keep_going", [](run_report& r, report_context&) { r.config.keep_going = true; }},
        flag{"/complete", [](run_report& r, report_context&) { r.complete = true; }},
        flag{"/host/virtual", [](run_report&, report_context& c) { c.host.is_virtual = true; }},
        flag{"/thresholds/0/held", [](run_report&, report_context& c) { c.thresholds[0].held = true; }},
        flag{"/thresholds/2/held", [](run_report&, report_context& c) { c.thresholds[2].held = true; }});
    CAPTURE(f.at);
    run_report r = full_report();
    report_context c = full_context();
    flat expected = told(r, c);
    REQUIRE(expected.at(f.at) == false);
    expected[f.at] = true;
    f.set(r, c);
    CHECK((told(r, c) == expected));
}

TEST_CASE("what was not asked for is told as 0 or null, not as what would have been", "[json]")
{
    run_report r = full_report();
    flat expected = told(r, full_context());
    r.config.inject.rate_max = true;
    r.config.machine.irqs = 0;
    expected["/config/rate_max"] = true;
    expected["/config/rate_per_s"] = 0;
    expected["/config/irqs"] = 0;
    expected["/config/irq_rate_per_s"] = 0;
    CHECK((told(r, full_context()) == expected));
    r.elapsed_ns = 0; // ended before it began
    r.profile.reset(), r.watchdog.reset(), r.backtrace.reset();
    const json j = json::parse(json_report(r, full_context()));
    for (const char* const at :
         {"/nmis/raised_per_s", "/nmis/handled_per_s", "/swaps/done_per_s", "/elapsed_ns"}) {
        CAPTURE(at);
        CHECK(j.at(json::json_pointer(at)) == 0);
    }
    CHECK((j.at("profile").is_null() && j.at("watchdog").is_null() && j.at("backtrace").is_null()));
}
