// SPDX-License-Identifier: MIT
//
// From evidence to verdict: each comparison of the judge, each source of evidence and each "looked at", in books in
// which only that one thing is wrong.
#include "support/catch2.hpp"
#include "support/judged_machine.hpp"
#include "support/text_matcher.hpp"
#include "verify/libc_guard/libc_guard.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

/// Every place that leaves evidence, but for the pools, whose failures only their own misuse writes.
struct place {
    const char* name;
    check_block& (*block)(judged_machine&);
};
const place all_places[]{
    {"control", [](judged_machine& j) -> check_block& { return j.control; }},
    {"NMIs of vCPU 0", [](judged_machine& j) -> check_block& { return j.cpu(0).checks; }},
    {"NMIs of vCPU 1", [](judged_machine& j) -> check_block& { return j.cpu(1).checks; }},
    {"workload of vCPU 0", [](judged_machine& j) -> check_block& { return j.cpu(0).task_checks; }},
    {"workload of vCPU 1", [](judged_machine& j) -> check_block& { return j.cpu(1).task_checks; }},
    {"IRQs of vCPU 0", [](judged_machine& j) -> check_block& { return j.cpu(0).irq->checks; }},
    {"IRQs of vCPU 1", [](judged_machine& j) -> check_block& { return j.cpu(1).irq->checks; }}};

const place& every_place()
{
    return all_places[GENERATE(range(std::size_t{0}, std::size(all_places)))];
}

/// One of each check's own looked-ats says more than what the blocks hold: that of these is made of other figures.
bool is_looked_at_elsewhere(check c)
{
    return c == check::reclaim || c == check::signal_safety;
}

violation violation_of(std::size_t i)
{
    return {judged_machine::start_ns + (i + 1) * 1'000'000'000,
            static_cast<int>(i),
            100 + i,
            200 + i,
            300 + i,
            0,
            "what was seen"};
}

} // namespace

TEST_CASE("a failure of any check fails the run, wherever it was seen, and is told with all that is known")
{
    const place& p = every_place();
    CAPTURE(p.name);
    judged_machine j;
    for (std::size_t i = 0; i < check_count; ++i)
        p.block(j)[static_cast<check>(i)].fail(violation_of(i));
    const run_report r = j.judged();
    REQUIRE(r.checks.size() == check_count);
    for (std::size_t i = 0; i < check_count; ++i) {
        const check_report& c = r.checks[i];
        CAPTURE(name_of(c.id));
        CHECK(c.id == static_cast<check>(i));
        CHECK(status_of(c) == "fail");
        CHECK(c.failures == 1);
        CHECK(c.first == fmt::format("what was seen: {}, expected {}", 200 + i, 300 + i));
        CHECK(c.first_at_s == static_cast<double>(i + 1));
        CHECK(c.first_cpu == static_cast<int>(i));
        CHECK(c.first_generation == 100 + i);
    }
}

TEST_CASE("a run that goes on knows of a failure of any check in any place but the controller's")
{
    const place& p = every_place();
    CAPTURE(p.name);
    judged_machine j;
    CHECK(j.failures() == 0);
    for (std::size_t i = 0; i < check_count; ++i) {
        p.block(j)[static_cast<check>(i)].fail(violation_of(i));
        CHECK(j.failures() == (p.name == std::string("control") ? 0 : i + 1));
    }
}

TEST_CASE("a misuse of any pool is a failure of the check reclaim, while the run goes on and in its report")
{
    element_pool judged_machine::*const pool = GENERATE(&judged_machine::nmi_pool, &judged_machine::irq_pool);
    judged_machine j;
    element* const e = (j.*pool).take();
    REQUIRE(e != nullptr);
    (j.*pool).retire(*e); // it was never published
    CHECK(j.failures() == 1);
    const run_report r = j.judged([](run_report& report) { report.retired = report.reclaimed = 1; });
    CHECK(status_of(of(r, check::reclaim)) == "fail");
    CHECK(of(r, check::reclaim).failures == 1);
    CHECK_THAT(of(r, check::reclaim).first,
               Contains(fmt::format("state of a handler that is retired: {}, expected {}",
                                    static_cast<int>(element_state::fresh),
                                    static_cast<int>(element_state::published))));
}

TEST_CASE("what any place has looked at counts, and failures of all places are added up")
{
    judged_machine j;
    std::uint64_t n = 1;
    std::uint64_t looked_at = 0;
    for (const place& p : all_places) {
        for (std::size_t i = 0; i < check_count; ++i)
            p.block(j)[static_cast<check>(i)].looked(n + i);
        looked_at += n;
        n *= 10;
    }
    run_report r = j.judged();
    for (std::size_t i = 0; i < check_count; ++i) {
        CAPTURE(name_of(r.checks[i].id));
        if (is_looked_at_elsewhere(r.checks[i].id))
            continue;
        CHECK(r.checks[i].looked_at == looked_at + std::size(all_places) * i);
        CHECK(status_of(r.checks[i]) == "pass");
    }
    for (const place& p : all_places)
        for (int times = 0; times < 3; ++times)
            p.block(j)[check::nesting].fail(violation_of(0));
    r = j.judged();
    CHECK(of(r, check::nesting).failures == 3 * std::size(all_places));
    CHECK(of(r, check::exactly_once).failures == 0);
}

TEST_CASE("of failures in several places the first in time is told, whichever place is looked at first")
{
    const bool second_place_is_first = GENERATE(false, true);
    judged_machine j;
    const auto fail_at = [](check_block& block, std::uint64_t s) {
        block[check::nesting].fail({judged_machine::start_ns + s * 1'000'000'000, 0, s, 0, 1, 0, "seen"});
    };
    fail_at(j.cpu(0).checks, second_place_is_first ? 9 : 3);
    fail_at(j.cpu(1).checks, second_place_is_first ? 3 : 9);
    const run_report r = j.judged();
    CHECK(of(r, check::nesting).first_generation == 3);
    CHECK(of(r, check::nesting).first_at_s == 3);
}

TEST_CASE("a violation before the start is told at 0 s, great numbers in hexadecimal, a place by its symbol")
{
    struct sentence {
        std::uint64_t observed;
        std::uint64_t expected;
        const char* text;
    };
    const auto s = GENERATE(sentence{0xffff'ffff, 1, "seen: 4 294 967 295, expected 1"},
                            sentence{0x1'0000'0000, 1, "seen: 0x100000000, expected 0x1"},
                            sentence{1, 0x1'0000'0000, "seen: 0x1, expected 0x100000000"});
    judged_machine j;
    j.control[check::progress].fail({judged_machine::start_ns - 1, -1, 0, s.observed, s.expected, 0, "seen"});
    j.control[check::errno_kept].fail(
        {0, -1, 0, s.observed, s.expected, reinterpret_cast<std::uintptr_t>(&checked_call), "seen"});
    const run_report r = j.judged();
    CHECK(of(r, check::progress).first == s.text);
    CHECK(of(r, check::progress).first_at_s == 0);
    CHECK_THAT(of(r, check::errno_kept).first, Contains(std::string(s.text) + ", at "));
}

TEST_CASE("a check that has looked at nothing does not pass, and one that failed fails all the same")
{
    judged_machine j;
    run_report r = j.judged();
    REQUIRE(r.checks.size() == check_count);
    for (const check_report& c : r.checks) {
        CAPTURE(name_of(c.id));
        CHECK(status_of(c) == "nothing-seen");
        CHECK(c.looked_at == 0);
        CHECK(c.first.empty());
    }
    CHECK_FALSE(r.passed());
}

TEST_CASE(
    "a run passes if every check does, and not with one that failed or looked at nothing, nor in a panic")
{
    run_report r;
    CHECK_FALSE(r.passed()); // no check at all
    for (std::size_t i = 0; i < check_count; ++i)
        r.checks.emplace_back().status = check_status::pass;
    CHECK(r.passed());
    for (check_report& c : r.checks)
        for (const check_status other : {check_status::fail, check_status::nothing_seen}) {
            c.status = other;
            CHECK_FALSE(r.passed());
            c.status = check_status::pass;
        }
    for (const stop_reason why : {stop_reason::duration, stop_reason::first_failure, stop_reason::signal,
                                  stop_reason::stall, stop_reason::panic}) {
        CAPTURE(name_of(why));
        r.stop_reason = why;
        CHECK(r.passed() == (why != stop_reason::panic));
    }
}

TEST_CASE("handlers that were retired and not reclaimed, or the other way round, fail reclaim")
{
    const std::uint64_t retired = GENERATE(0u, 7u, 8u, 10u);
    const std::uint64_t reclaimed = GENERATE(0u, 7u, 8u, 10u);
    judged_machine j;
    const run_report r = j.judged([&](run_report& report) {
        report.retired = retired;
        report.reclaimed = reclaimed;
        report.elapsed_ns = 2'000'000'000;
    });
    const check_report& c = of(r, check::reclaim);
    CAPTURE(retired, reclaimed);
    CHECK(c.looked_at == retired);
    CHECK(c.failures == (retired > reclaimed ? retired - reclaimed : retired < reclaimed ? 1 : 0));
    CHECK(status_of(c) == (retired != reclaimed ? "fail" : retired == 0 ? "nothing-seen" : "pass"));
    if (retired != reclaimed) {
        CHECK(c.first == fmt::format("{} handlers were retired, {} reclaimed", retired, reclaimed));
        CHECK(c.first_at_s == 2);
    }
}

TEST_CASE("progress looks at each wait that ended, and at nothing where a watchdog did not look")
{
    judged_machine j;
    CHECK(status_of(of(j.judged(), check::progress)) == "nothing-seen");
    j.m.synchronize_rcu();
    CHECK(of(j.judged(), check::progress).looked_at == 1);
    std::ignore = j.m.exchange(nullptr);
    internals(j.m).deferred_grace_periods = 5;
    j.control[check::progress].looked();
    CHECK(of(j.judged(), check::progress).looked_at == 1 + 1 + 5 + 1);
    CHECK(status_of(of(j.judged(), check::progress)) == "pass");
    const auto with_looks = [&](std::uint64_t n) {
        return of(j.judged([&](run_report& report) { report.watchdog.emplace().looks = n; }),
                  check::progress);
    };
    CHECK(status_of(with_looks(0)) == "nothing-seen");
    CHECK(status_of(with_looks(1)) == "pass");
}

TEST_CASE("signal-safety looks at each NMI and IRQ that was handled, where calls are watched")
{
    REQUIRE(libc_guard_active());
    judged_machine j;
    j.cpu(0).count->add(3 * one_nmi), j.cpu(1).count->add(40 * one_nmi);
    internals(j.m).irq(0, 0).count.add(500), internals(j.m).irq(1, 1).count.add(6'000);
    CHECK(of(j.judged(), check::signal_safety).looked_at == 6'543);
    CHECK(status_of(of(j.judged(), check::signal_safety)) == "pass");
}

TEST_CASE("each check says what it looks at, and names IRQs where there are some")
{
    const std::vector<std::string> without{
        "handler calls", "handler calls",    "NMIs raised",   "NMIs",
        "NMIs",          "retired handlers", "grace periods", "NMIs and workload rounds",
        "NMIs",          "workload results"};
    const std::vector<std::string> with{
        "handler calls", "handler calls",    "NMIs and IRQs raised", "NMIs and IRQs",
        "NMIs and IRQs", "retired handlers", "grace periods",        "NMIs and IRQs and workload rounds",
        "NMIs and IRQs", "workload results"};
    const int irqs = GENERATE(0, 2);
    std::vector<std::string> told;
    judged_machine j(irqs);
    for (const check_report& c : j.judged().checks)
        told.push_back(c.looked_at_what);
    CHECK(told == (irqs == 0 ? without : with));
}

TEST_CASE("the evidence of each check is its own figures")
{
    judged_machine j;
    j.cpu(0).age[0].add(11), j.cpu(0).age[1].add(12), j.cpu(0).age[2].add(13);
    j.cpu(0).count->add(21 * one_nmi), j.cpu(0).line.coalesced = 22, j.cpu(0).line.rejected = 23;
    j.cpu(0).line.offline_at_raise = 24;
    irq_line& irq = internals(j.m).irq(1, 1);
    irq.count.add(100), irq.line.coalesced = 200, irq.line.rejected = 300, irq.line.offline_at_raise = 400;
    j.control[check::publish_order].fail(violation_of(0));
    const auto evidence = [&](check which) {
        return of(j.judged([](run_report& report) {
                   report.retired = 31;
                   report.reclaimed = 32;
                   report.swaps = 33;
                   report.grace_period.max_ns = 1'234'567;
                   report.watchdog.emplace().looks = 34;
               }),
                  which)
            .evidence;
    };
    CHECK(evidence(check::grace_period) == "handler age 0: 11, 1: 12, 2 or more: 13");
    CHECK(evidence(check::publish_order) == "1 incomplete");
    CHECK(evidence(check::conservation) ==
          "raised = 121 handled + 222 coalesced + 323 rejected + 424 offline");
    CHECK(evidence(check::nesting) == "depth put back by each, no NMI was interrupted");
    CHECK(evidence(check::exactly_once) == "one generation each, 33 swaps");
    CHECK(evidence(check::reclaim) == "32 of 31 reclaimed");
    CHECK(evidence(check::progress) == "longest 1.23ms; the watchdog looked 34 times");
    CHECK(evidence(check::signal_safety) == "malloc, stdio and mutex calls watched");
}

TEST_CASE("without IRQ lines there is no depth at all before and after an NMI")
{
    judged_machine without_irqs(0);
    CHECK(of(without_irqs.judged(), check::nesting).evidence == "depth 0 before and after each");
}
