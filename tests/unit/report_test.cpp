// SPDX-License-Identifier: MIT
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/options/value.hpp"
#include "report/json/json_report.hpp"
#include "report/text/text_report.hpp"
#include "report/text/text_tables.hpp"
#include "report/units.hpp"
#include "support/sample_report.hpp"
#include "support/text_matcher.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

using namespace nmisim;
using namespace nmisim::test;
using Catch::Matchers::EndsWith;
using nmisim::test::Contains;

namespace {

report_context context_of(const std::vector<std::string>& conditions = {},
                          const run_report& report = passing_report())
{
    report_context c;
    c.argv = {"nmi-sim", "--seed", "7351"};
    c.repeat = "nmi-sim --seed 7351";
    for (const std::string& text : conditions)
        c.thresholds.push_back(evaluate(cli::parse_condition(text), report));
    return c;
}

} // namespace

TEST_CASE("times are printed with three digits and the unit that fits", "[units]")
{
    CHECK(time_text(0) == "0ns");
    CHECK(time_text(999) == "999ns");
    CHECK(time_text(4'900) == "4.90us");
    CHECK(time_text(9'996) == "10.0us");
    CHECK(time_text(49'400) == "49.4us");
    CHECK(time_text(999'600) == "1.00ms");
    CHECK(time_text(410'022) == "410us");
    CHECK(time_text(3'204'117'000) == "3.20s");
    CHECK(exact_time_text(10'000'000) == "10ms");
    CHECK(exact_time_text(1'500'000'000) == "1500ms");
    CHECK(exact_time_text(0) == "0");
    CHECK(exact_time_text(1) == "1ns");
}

TEST_CASE("counts are grouped by thousands", "[units]")
{
    CHECK(count_text(0) == "0");
    CHECK(count_text(999) == "999");
    CHECK(count_text(1'000) == "1 000");
    CHECK(count_text(18'446'744'073'709'551'615u) == "18 446 744 073 709 551 615");
    CHECK(short_number_text(49'998) == "50.0k");
    CHECK(short_number_text(200) == "200");
    CHECK(exact_number_text(10'000) == "10k");
    CHECK(exact_number_text(9'500) == "9500");
}

TEST_CASE("a histogram has a row per power of two from the first to the last sample", "[histogram]")
{
    const std::string text = histogram_text("delivery", passing_report().delivery);
    CHECK(text == "delivery, 5 samples\n"
                  "[512ns, 1.02us)                1 |@@@@@@@@@@@@@@@@@@@@                    |\n"
                  "[1.02us, 2.05us)               0 |                                        |\n"
                  "[2.05us, 4.10us)               1 |@@@@@@@@@@@@@@@@@@@@                    |\n"
                  "[4.10us, 8.19us)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
                  "[8.19us, 16.4us)               0 |                                        |\n"
                  "[16.4us, 32.8us)               0 |                                        |\n"
                  "[32.8us, 65.5us)               1 |@@@@@@@@@@@@@@@@@@@@                    |\n");
    CHECK(histogram_text("delivery", latency{}) == "delivery, 0 samples\n");
}

TEST_CASE("a histogram shows zero and the longest time", "[histogram]")
{
    histogram h;
    h.record(0);
    h.record(UINT64_MAX);
    latency l;
    l.merge(h);
    CHECK_THAT(histogram_text("x", l), Contains("[0ns, 1ns)") && Contains("1 |@"));
}

TEST_CASE("a status line shows the rates since the line before", "[status]")
{
    run_progress before, now;
    before.elapsed_ns = 1'000'000'000;
    before.raised = before.handled = 10'000;
    now.elapsed_ns = 1'500'000'000;
    now.raised = 15'000;
    now.handled = 14'000;
    now.swaps = 150;
    CHECK(status_line(now, before) == "   1.5s  raised 10.0k/s  handled 8.00k/s  swaps 150  failed 0");
    CHECK(status_line(now, now) == "   1.5s  raised 0/s  handled 0/s  swaps 150  failed 0");
}

TEST_CASE("the last line of a text report is the verdict and repeats the command with its seed", "[text]")
{
    CHECK_THAT(text_report(passing_report(), context_of(), {}), EndsWith("\nPASS: nmi-sim --seed 7351\n"));
    CHECK_THAT(text_report(failing_report(), context_of(), {}),
               EndsWith("\nFAIL grace-period: nmi-sim --seed 7351\n"));
}

TEST_CASE("a failed check tells how often, and when and where first", "[text]")
{
    const std::string text = text_report(failing_report(), context_of(), {});
    CHECK_THAT(text, Contains("  FAIL  grace-period        19 980 NMIs, 17 failed\n"));
    CHECK_THAT(
        text,
        Contains(
            "FAIL grace-period: first at 0.204117s on vCPU 1, handler generation 12: the handler was used"));
}

TEST_CASE("a check that looked at nothing is no pass", "[text]")
{
    run_report r = passing_report();
    r.checks[0].status = check_status::nothing_seen;
    r.checks[0].looked_at = 0;
    const std::string text = text_report(r, context_of(), {});
    CHECK_THAT(text, Contains("NONE  grace-period   looked at 0 NMIs"));
    CHECK_THAT(text, EndsWith("FAIL grace-period (looked at nothing): nmi-sim --seed 7351\n"));
}

TEST_CASE("of several checks that looked at nothing the verdict says how many", "[text]")
{
    run_report r = passing_report();
    r.checks[0].status = r.checks[2].status = check_status::nothing_seen;
    CHECK_THAT(text_report(r, context_of(), {}),
               EndsWith("\nFAIL 2 checks (looked at nothing): nmi-sim --seed 7351\n"));
}

TEST_CASE("a run that a signal cut short before a check had something to look at is incomplete", "[text]")
{
    run_report r = passing_report();
    r.checks[0].status = check_status::nothing_seen;
    r.stop_reason = stop_reason::signal;
    r.complete = false;
    CHECK(verdict_of(r, context_of()) == verdict::incomplete);
    CHECK_THAT(text_report(r, context_of(), {}),
               EndsWith("\nINCOMPLETE grace-period (looked at nothing): nmi-sim --seed 7351\n"));
    r.checks[1].status = check_status::fail;
    CHECK(verdict_of(r, context_of()) == verdict::fail);
}

TEST_CASE("no table line of a text report is wider than 80 columns", "[text]")
{
    run_report r = passing_report();
    r.total.raised = r.total.handled = r.requested = 1'234'567'890;
    std::istringstream lines(text_report(r, context_of(), {.histograms = true, .verbose = true}));
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 80);
    }
}

TEST_CASE("an imbalance of a vCPU is shown with its size", "[text]")
{
    run_report r = passing_report();
    r.cpus[1].handled -= 4;
    CHECK_THAT(text_report(r, context_of(), {}), Contains("        -4\n"));
}

TEST_CASE(
    "the interrupt table has a row per fate and a column per vCPU, when there is more than the usual to tell",
    "[text]")
{
    run_report r = passing_report();
    CHECK_THAT(text_report(r, context_of(), {}), !Contains("NMI: "));
    CHECK_THAT(text_report(r, context_of(), {.verbose = true}),
               Contains("NMI:        9990        9990   Non-mask"));
    r.cpus[1].swallow = r.total.swallow = 7;
    CHECK_THAT(text_report(r, context_of(), {}), Contains("            CPU0        CPU1\n"));
    CHECK_THAT(text_report(r, context_of(), {}), Contains("SWA:           0           7   Swallowed\n"));
}

TEST_CASE("IRQ lines have rows in the interrupt table, latencies of their own, and a list in JSON", "[text]")
{
    run_report r = passing_report();
    CHECK_THAT(text_report(r, context_of(), {}), !Contains("IRQ"));
    r.config.machine.irqs = 2;
    for (cpu_report& c : r.cpus)
        for (int irq = 0; irq < 2; ++irq)
            c.irqs.push_back({irq, 100, 90, 7, 2, 1, 0});
    r.irqs = {{0, 200, 180, 14, 4, 2, 0}, {1, 200, 180, 14, 4, 2, 0}};
    const std::string text = text_report(r, context_of(), {});
    CHECK_THAT(text, Contains("  1:          90          90   IRQ line\n"));
    CHECK_THAT(text, Contains("  IRQ delivery          2"));
    const auto json = nlohmann::json::parse(json_report(r, context_of()));
    CHECK(json["irqs"][1]["irq"] == 1);
    CHECK(json["irqs"][1]["handled"] == 180);
    CHECK(json["irqs"][1]["handled_by_cpu"] == nlohmann::json{90, 90});
}

TEST_CASE("a brief report is the verdict, after what failed", "[text]")
{
    CHECK(text_report(passing_report(), context_of(), {.brief = true}) == "PASS: nmi-sim --seed 7351\n");
}

TEST_CASE("of many vCPUs the report shows the first and the unbalanced", "[text]")
{
    run_report r = passing_report();
    for (int i = 2; i < 256; ++i) {
        r.cpus.push_back(r.cpus[0]);
        r.cpus.back().cpu = i;
    }
    r.cpus[200].handled += 1;
    const std::string text = text_report(r, context_of(), {});
    CHECK_THAT(text, Contains("and 239 more, balance ok") && Contains("  200 "));
    CHECK(std::count(text.begin(), text.end(), '\n') < 60);
}

TEST_CASE("a selected fault is named with the check that is to catch it", "[text]")
{
    run_report r = failing_report();
    r.config.fault = fault::no_grace_period;
    CHECK_THAT(text_report(r, context_of(), {}), Contains("expected: check grace-period fails; it did\n"));
    run_report missed = passing_report();
    missed.config.fault = fault::no_grace_period;
    CHECK_THAT(text_report(missed, context_of(), {}), Contains("it did not\n"));
}

TEST_CASE("colour marks the verdict and leaves the words", "[text]")
{
    const std::string text = text_report(failing_report(), context_of(), {.color = true});
    CHECK_THAT(text, Contains("\033[1;31mFAIL\033[0m grace-period: nmi-sim"));
    CHECK(text_report(failing_report(), context_of(), {}).find('\033') == std::string::npos);
}

TEST_CASE("a condition that holds makes the verdict fail and shows the value", "[threshold]")
{
    const report_context c = context_of({"latency.max>39us", "swaps<100", "rate<9.9k"});
    CHECK(c.thresholds[0].held);
    CHECK_FALSE(c.thresholds[1].held);
    CHECK_FALSE(c.thresholds[2].held);
    CHECK(verdict_of(passing_report(), c) == verdict::threshold);
    const std::string text = text_report(passing_report(), c, {});
    CHECK_THAT(text, Contains("FAIL --fail-if latency.max>39us: 40.0us\n"));
    CHECK_THAT(text, Contains("FAIL (--fail-if; every check held): nmi-sim"));
}

TEST_CASE("conditions take all four comparisons and equality at the limit", "[threshold]")
{
    const auto held = [](const std::string& text) { return context_of({text}).thresholds[0].held; };
    CHECK_FALSE(held("swaps<100"));
    CHECK(held("swaps<=100"));
    CHECK_FALSE(held("swaps>100"));
    CHECK(held("swaps>=100"));
    CHECK(held("swaps > 99"));
}

TEST_CASE("a condition on what was never measured holds", "[threshold]")
{
    run_report r = passing_report();
    r.delivery = {};
    const report_context c = context_of({"latency.p99>1h"}, r);
    CHECK(c.thresholds[0].held);
    CHECK(value_text(c.thresholds[0]) == "not measured");
}

TEST_CASE("a condition needs a metric, a comparison and a limit in its unit", "[threshold]")
{
    for (const char* const text : {"", "latency.p99", "latency.p99>", "latency.p99>5", "latency.p99>x",
                                   ">5ms", "rate<", "swaps<1ms", "latency.p99=5ms", "nothing>1"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(cli::parse_condition(text), cli::usage_error);
    }
}

TEST_CASE("a profile is a table by function, its losses and its error beside it", "[report]")
{
    const std::string text = text_report(passing_report(), context_of({}), {});
    CHECK_THAT(text, Contains("Profile         1 000 samples, 3 lost, of 101 handlers\n"));
    CHECK_THAT(text, Contains("   61.0 %        610  nmisim::work_60(unsigned long) (nmi-sim)\n"));
    CHECK_THAT(text, Contains("   39.0 %        390  (libc.so.6)\n"));
    CHECK_THAT(text, Contains("  work_60          60.0 %     60.1 %     61.0 %          +1.00\n"));
}

TEST_CASE("every metric can be read from a report", "[threshold]")
{
    run_report r = passing_report();
    r.injector = r.publish = r.reclaim = r.cpu_down = r.cpu_up = r.delivery;
    for (const metric& m : all_metrics()) {
        CAPTURE(m.name);
        CHECK(m.read(r).has_value());
        CHECK(cli::find_named(all_metrics(), m.name) == &m);
    }
}

TEST_CASE("the JSON report holds the same figures", "[json]")
{
    const auto j = nlohmann::json::parse(json_report(failing_report(), context_of({"swaps<1"})));
    CHECK(j["schema_version"] == json_schema_version);
    CHECK(j["status"] == "fail");
    CHECK(j["config"]["seed"] == 7351);
    CHECK(j["nmis"]["handled"] == 19'980);
    CHECK(j["cpus"].size() == 2);
    CHECK(j["handler_age"] == nlohmann::json::array({19'900, 80, 17}));
    CHECK(j["latency_ns"]["delivery"]["histogram"].size() == 5);
    CHECK(j["checks"][0]["first_failure"]["generation"] == 12);
    CHECK(j["checks"][1]["first_failure"].is_null());
    CHECK(j["thresholds"][0]["held"] == false);
    CHECK(j["stop_signal"].is_null());
}

TEST_CASE("JSON integers stay exact for every reader and bytes that are no UTF-8 do not stop a report",
          "[json]")
{
    report_context c = context_of();
    c.host.rlimit_sigpending = UINT64_MAX;
    c.argv.push_back("\xff\xfe");
    const auto j = nlohmann::json::parse(json_report(passing_report(), c));
    CHECK(j["host"]["rlimit_sigpending"] == (1ull << 53) - 1);
}

TEST_CASE("the JSON report tells normal and swallowed NMIs, in all and per vCPU", "[json]")
{
    run_report r = passing_report();
    r.cpus[1].swallow = r.total.swallow = 7;
    r.total.normal = 19'980;
    const auto json = nlohmann::json::parse(json_report(r, context_of()));
    CHECK(json.at("nmis").at("normal") == 19'980);
    CHECK(json.at("nmis").at("swallow") == 7);
    CHECK(json.at("cpus").at(1).at("swallow") == 7);
    CHECK(json.at("cpus").at(0).at("normal") == 9'990);
}

TEST_CASE("an interrupted run is incomplete and names its signal", "[json]")
{
    run_report r = passing_report();
    r.complete = false;
    r.stop_reason = stop_reason::signal;
    r.stop_signal = 2;
    const auto j = nlohmann::json::parse(json_report(r, context_of()));
    CHECK(j["complete"] == false);
    CHECK(j["stop_reason"] == "signal");
    CHECK(j["stop_signal"] == "SIGINT");
}

TEST_CASE("hotplug is reported where it was asked for", "[text]")
{
    run_report r = passing_report();
    CHECK(hotplug_table(r).empty());
    r.config.onoff = true;
    r.offlined = 12;
    r.onlined = 11;
    r.total.times_onlined = 13;
    CHECK(hotplug_table(r) == "Hotplug           offlined     onlined      failed     threads\n"
                              "                        12          11           0          13\n");
    CHECK_THAT(text_report(r, context_of(), {}), Contains("  cpu down") && Contains("\nHotplug "));
}
