// SPDX-License-Identifier: MIT
//
// Tests the checks: each fault is caught by the check that is named for it, with every flavor that can show it. The
// correct code passes the same run, with the same widened windows.
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/text_matcher.hpp"
#include "verify/run.hpp"
#include "verify/widen.hpp"

#include <fmt/format.h>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

bool is_shown_by_a_run(fault f, flavor with)
{
    return not_applicable(f, with).empty() &&
           only_explored(f).empty(); // else refused with a reason, see the unit tests
}

run_config base_run(flavor f)
{
    run_config c;
    c.machine.rcu = f;
    c.swap_interval_ns = 1'000'000;
    c.duration_ns = 5'000'000'000; // ends at the first failure
    return c;
}

/// Conservation and leaks are judged after the drain: such runs do not end by themselves.
bool judged_at_the_end(fault f)
{
    return f == fault::drop_latched || f == fault::leak_retired;
}

std::string failed_checks(const run_report& r)
{
    std::string text;
    for (const check_report& c : r.checks)
        if (c.status == check_status::fail)
            text += fmt::format("[{}] first: {} at {:.6f} s\n", name_of(c.id), c.first, c.first_at_s);
    return text;
}

/// The watch from outside found the handler that stays, `where`; or it looked at a grace period first. The drain, which
/// finds it at the end, has other words.
bool seen_by_the_watch(const std::string& text, const char* where)
{
    return text.find(where) != std::string::npos ||
           text.find("milliseconds waited for one grace period (at most)") != std::string::npos;
}

} // namespace

TEST_CASE("each fault is caught by the check named for it")
{
    const fault_info& info = GENERATE(from_range(all_faults().begin(), all_faults().end()));
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(info.name, name_of(f));
    if (!is_shown_by_a_run(info.id, f))
        return;
    run_config c = base_run(f);
    c.fault = info.id;
    if (judged_at_the_end(info.id))
        c.duration_ns = 600'000'000; // 64 NMIs make a dropped one, on a busy machine too
    const auto child = in_child(60, [&] { return failed_checks(run(c)); });
    CAPTURE(child.text);
    CHECK(child.exited);
    CHECK_THAT(child.text, nmisim::test::Contains(fmt::format("[{}] first: ", name_of(info.caught_by))));
    if (info.id == fault::stuck_handler)
        CHECK(seen_by_the_watch(child.text, "milliseconds inside one NMI (at most)"));
}

TEST_CASE("the correct code passes the runs in which the faults are caught")
{
    const fault_info& info = GENERATE(from_range(all_faults().begin(), all_faults().end()));
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(info.name, name_of(f));
    if (!is_shown_by_a_run(info.id, f))
        return;
    run_config c = base_run(f);
    c.fault = info.id;
    std::vector<remark> remarks;
    widen_for_fault(c, remarks);
    if (remarks.empty() && info.id != fault::publish_before_init)
        return; // nothing is widened: the same run as all the others
    c.fault = fault::none;
    const auto child = in_child(60, [&] {
        // On a busy machine a check may have had nothing to look at yet: longer, then.
        for (c.duration_ns = 300'000'000;; c.duration_ns *= 10) {
            const run_report r = run(c);
            if (const std::string failed = failed_checks(r); !failed.empty())
                return failed;
            if (r.passed())
                return std::string("passed");
            if (c.duration_ns >= 30'000'000'000)
                return std::string("a check looked at nothing");
        }
    });
    CHECK(child.text == "passed");
}

TEST_CASE("each fault is caught in IRQ context too, where no NMI is raised")
{
    const fault_info& info = GENERATE(from_range(all_faults().begin(), all_faults().end()));
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(info.name, name_of(f));
    if (!is_shown_by_a_run(info.id, f) || info.id == fault::irq_in_nmi || info.id == fault::nested_stack ||
        info.id == fault::early_unregister || info.id == fault::hard_lockup)
        return;
    run_config c = base_run(f);
    c.fault = info.id;
    c.inject.rate_hz = 0;
    c.machine.irqs = 1;
    c.irq_rate_hz = 10'000;
    if (judged_at_the_end(info.id))
        c.duration_ns = 600'000'000; // 64 IRQs make a dropped one, 16 swaps a leaked one
    const auto child = in_child(60, [&] {
        std::string failed = failed_checks(run(c));
        // The swaps of some faults raise NMIs of their own. On a busy machine one of them may come before the first IRQ.
        for (int again = 0; again < 4 && failed.find("run for one NMI") != std::string::npos; ++again)
            failed = failed_checks(run(c));
        return failed;
    });
    CAPTURE(child.text);
    CHECK(child.exited);
    CHECK_THAT(child.text, nmisim::test::Contains(fmt::format("[{}] first: ", name_of(info.caught_by))));
    if (info.caught_by == check::exactly_once)
        CHECK_THAT(child.text, nmisim::test::Contains("for one IRQ"));
    if (info.id == fault::stuck_handler)
        CHECK(seen_by_the_watch(child.text, "milliseconds inside one IRQ (at most)"));
}

TEST_CASE("a stuck handler's stall report names the vCPU and what it executes, and it is the watch from "
          "outside that ends the run")
{
    const bool in_an_irq = GENERATE(false, true);
    CAPTURE(in_an_irq);
    run_config c = base_run(flavor::memb);
    c.fault = fault::stuck_handler;
    c.swap = false; // no grace period is waited for that could be seen first
    if (in_an_irq) {
        c.inject.rate_hz = 0;
        c.machine.irqs = 1;
        c.irq_rate_hz = 10'000;
    }
    const auto child = in_child(60, [&] {
        const run_report r = run(c);
        std::string text = fmt::format("{} complete: {} {} ", name_of(r.stop_reason), r.complete,
                                       r.checks[static_cast<std::size_t>(check::progress)].first);
        for (const stall_report& s : r.stalls) {
            text += fmt::format("vcpu {} {}; ", s.cpu, s.state);
            for (const std::string& frame : s.backtrace)
                text += frame + "; ";
        }
        return text;
    });
    const std::string context = in_an_irq ? "IRQ" : "NMI";
    // The drain's stall, after the whole duration, has other words and a complete run.
    CHECK_THAT(child.text, nmisim::test::Contains("stall complete: false "));
    CHECK_THAT(child.text, nmisim::test::Contains("milliseconds inside one " + context + " (at most)"));
    CHECK_THAT(child.text, nmisim::test::Contains("vcpu 0 in an " + context + " for"));
    CHECK_THAT(child.text, nmisim::test::Contains(in_an_irq ? "irq" : "exc_nmi"));
}

TEST_CASE("with keep_going a fault's run goes on to its end and counts every failure")
{
    run_config c = base_run(flavor::memb);
    c.fault = fault::clobber_errno;
    c.keep_going = true;
    c.duration_ns = 300'000'000;
    const auto child = in_child(60, [&] {
        const run_report r = run(c);
        const check_report& kept = r.checks[static_cast<std::size_t>(check::errno_kept)];
        return fmt::format("{} {} {}", name_of(r.stop_reason), r.complete, kept.failures > 10);
    });
    CHECK(child.text == "duration true true");
}
