// SPDX-License-Identifier: MIT
//
// Remarks on how much a run tested: the part of its NMIs that was handled.
#include "cli/options/usage_error.hpp"
#include "cli/options/value.hpp"
#include "report/json/json_report.hpp"
#include "support/catch2.hpp"
#include "support/sample_report.hpp"
#include "support/text_matcher.hpp"
#include "verify/run_remarks.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

using namespace nmisim;
using namespace nmisim::test;
using nmisim::test::Contains;

namespace {

report_context context_of(const std::string& condition, const run_report& report)
{
    report_context c;
    if (!condition.empty())
        c.thresholds.push_back(evaluate(cli::parse_condition(condition), report));
    return c;
}

} // namespace

TEST_CASE("a run that handled less than a tenth of its NMIs says so, and what is likely to be the cause",
          "[remark]")
{
    run_report r = passing_report();
    r.requested = r.total.raised = 20'000;
    r.total.coalesced = r.total.rejected = r.total.offline = 0;
    const auto said = [&r](std::uint64_t handled, std::uint64_t cpu_report::*fate, std::uint64_t n) {
        r.total.handled = handled;
        r.total.coalesced = r.total.rejected = r.total.offline = 0;
        if (fate != nullptr)
            r.total.*fate = n;
        r.total.raised = handled + n;
        const auto few = few_handled(r);
        return few ? few->code + ": " + few->text : "nothing";
    };
    CHECK(said(2'000, &cpu_report::coalesced, 18'000) == "nothing"); // a tenth
    CHECK_THAT(said(1'999, &cpu_report::coalesced, 18'001),
               Contains("few-handled: only 10 % of 20 000 NMIs were handled, so little was tested: 18 001 "
                        "met one that was "
                        "still pending: the vCPUs (2) got too little CPU time"));
    CHECK_THAT(said(0, &cpu_report::rejected, 20'000), Contains("only 0 %") && Contains("ulimit -i"));
    CHECK_THAT(said(10, &cpu_report::offline, 19'990), Contains("19 990 met a vCPU that was offline"));
    r.throttled = 0;
    CHECK_THAT(said(10, nullptr, 0), Contains("19 990 were never raised: the threads that raise them"));
    r.throttled = 1;
    CHECK_THAT(said(10, nullptr, 0), Contains("19 990 were never raised: the vCPUs had no room"));
    r.handler.sum_ns = r.handler.count * 90'000; // every 100 us
    CHECK_THAT(said(10, &cpu_report::coalesced, 19'990),
               Contains("a handler takes 90.0us, and one NMI was due every 100us"));
}

TEST_CASE("the part that was handled is of what was due, or of what was raised without having been due",
          "[remark]")
{
    run_report r = passing_report();
    r.total.handled = 5'000;
    CHECK(handled_ratio(r) == 0.25); // of 20 000
    r.requested = 40'000;
    CHECK(handled_ratio(r) == 0.125);
    r.requested = 0; // --rate max
    CHECK(handled_ratio(r) == 0.25);
    r.requested = 40'000;
    source_report perf;
    perf.counted = false;
    perf.raised = 10'000;
    r.sources = {{}, perf};
    CHECK(handled_ratio(r) == 0.1);
    r.sources = {};
    r.requested = r.total.raised = r.total.handled = 0;
    CHECK_FALSE(handled_ratio(r).has_value());
    CHECK_FALSE(few_handled(r).has_value());
    CHECK(nlohmann::json::parse(json_report(r, context_of({}, r)))["nmis"]["handled_ratio"].is_null());
}

TEST_CASE("--fail-if takes the part that was handled as a number or in per cent", "[threshold]")
{
    run_report r = passing_report();
    r.total.handled = 2'000;
    for (const auto& [text, held] : {std::pair{"handled-ratio<0.1", false},
                                     {"handled-ratio<=10%", true},
                                     {"handled-ratio<10.5%", true},
                                     {"handled-ratio<1", true}}) {
        CAPTURE(text);
        const report_context c = context_of(text, r);
        CHECK(c.thresholds[0].held == held);
        CHECK(value_text(c.thresholds[0]) == "10 %");
        const auto json = nlohmann::json::parse(json_report(r, c));
        CHECK(json["thresholds"][0]["unit"] == "ratio");
        CHECK(json["thresholds"][0]["value"] == 0.1);
        CHECK(json["nmis"]["handled_ratio"] == 0.1);
    }
    for (const char* const text : {"handled-ratio<2", "handled-ratio<101%", "handled-ratio<10 %x",
                                   "handled-ratio<-1", "handled-ratio<10k", "handled-ratio<"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(cli::parse_condition(text), cli::usage_error);
    }
}
