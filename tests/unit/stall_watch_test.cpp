// SPDX-License-Identifier: MIT
//
// The stall watch at times that the test chooses: what is a stall, and what is not. Nothing waits here: the machine
// stands still, and the clock is a number.
#include "base/clock.hpp"
#include "base/patience.hpp"
#include "machine/hotplug.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/text_matcher.hpp"
#include "verify/bounded_end.hpp"
#include "verify/run.hpp"
#include "verify/stall_watch.hpp"

#include <atomic>
#include <fmt/format.h>
#include <string>
#include <tuple>
#include <unistd.h>

namespace nmisim::test {

/// What begins, and is not to last.
enum class lasting { grace_period, nmi, timed_nmi, irq, timed_irq, change, raises };

} // namespace nmisim::test

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::lasting;

namespace {

constexpr std::uint64_t second = nsec_per_sec;
constexpr std::uint64_t timeout_ns = 10 * second;

machine_config still(int cpus = 1, int irqs = 0)
{
    machine_config c;
    c.cpus = cpus;
    c.irqs = irqs;
    c.measure_latency = false; // an NMI is told from the next one by what has been completed
    c.custom_workload = [](vcpu&) { usleep(1000); };
    return c;
}

nmi_handler claiming()
{
    return make_nmi_handler([](const pt_regs&, int) noexcept { return 1; });
}

/// A watch, and a clock that goes in steps in which the watch may be called often enough.
struct bench {
    explicit bench(const machine_config& c = still()) : m(c), watch(m, timeout_ns)
    {
        std::ignore = m.exchange(claiming());
    }

    /// What is seen first in `ns` from now on, looked at every second.
    std::string pass(std::uint64_t ns)
    {
        for (const std::uint64_t end_ns = now + ns; now < end_ns;) {
            now += second;
            if (const auto v = watch.look(now))
                return v->what;
        }
        return "nothing";
    }
    machine_state& state() { return internals(m); }
    percpu& cpu() { return state().area(0); }

    machine m;
    stall_watch watch;
    std::uint64_t now = 1000 * second;
};

void begin(bench& b, lasting what)
{
    switch (what) {
    case lasting::grace_period: ++b.state().waits_begun; break;
    case lasting::nmi: b.cpu().count->set_preempt_count(nmi_offset + hardirq_offset); break;
    case lasting::timed_nmi: b.cpu().entered_ns = b.now; break;
    case lasting::irq: b.cpu().count->set_preempt_count(hardirq_offset); break;
    case lasting::timed_irq: b.cpu().irq->entered_ns = b.now; break;
    case lasting::change: b.state().changing_since_ns = b.now; break;
    case lasting::raises:
        b.cpu().line.pending = 1; // as if an NMI were pending that never comes
        break;
    }
}

/// A second's worth of it: raises do not last by themselves.
void go_on(bench& b, lasting what)
{
    if (what == lasting::raises)
        b.m.raise_nmi(0);
}

/// The next of its kind begins where this one ends, as one look sees it.
void end_and_begin(bench& b, lasting what)
{
    switch (what) {
    case lasting::grace_period:
        ++b.state().waits_begun;
        ++b.state().waits_ended;
        break;
    case lasting::nmi: ++b.cpu().line.completed; break;
    case lasting::irq: ++b.cpu().irq->lines[0].line.completed; break;
    case lasting::timed_nmi:
    case lasting::timed_irq:
    case lasting::change: begin(b, what); break;
    case lasting::raises: b.cpu().count->add(one_nmi); break;
    }
}

void end(bench& b)
{
    b.state().waits_ended = b.state().waits_begun.load();
    b.cpu().count->set_preempt_count(0);
    b.cpu().entered_ns = 0;
    b.cpu().irq->entered_ns = 0;
    b.state().changing_since_ns = 0;
    b.cpu().line.pending = 0;
}

const char* told_of(lasting what)
{
    switch (what) {
    case lasting::grace_period: return "milliseconds waited for one grace period (at most)";
    case lasting::nmi:
    case lasting::timed_nmi: return "milliseconds inside one NMI (at most)";
    case lasting::irq:
    case lasting::timed_irq: return "milliseconds inside one IRQ (at most)";
    case lasting::change: return "milliseconds waited for a vCPU to go offline or online (at most)";
    case lasting::raises: return "milliseconds in which NMIs were raised and none handled (at most)";
    }
    return "?";
}

std::string pass_going_on(bench& b, lasting what, int seconds)
{
    for (int i = 0; i < seconds; ++i) {
        go_on(b, what);
        if (const std::string seen = b.pass(second); seen != "nothing")
            return seen;
    }
    return "nothing";
}

lasting each_kind()
{
    return GENERATE(lasting::grace_period, lasting::nmi, lasting::timed_nmi, lasting::irq, lasting::timed_irq,
                    lasting::change, lasting::raises);
}

std::string check_in_words(const run_report& r, check which)
{
    const check_report& c = r.checks[static_cast<std::size_t>(which)];
    return fmt::format("{}, {}: {}", name_of(r.stop_reason), name_of(c.status), c.first);
}

} // namespace

TEST_CASE("what lasts longer than the timeout is a stall, and nothing before")
{
    const lasting what = each_kind();
    CAPTURE(told_of(what));
    bench b(still(1, 1));
    CHECK(b.pass(30 * second) == "nothing");
    begin(b, what);
    CHECK(pass_going_on(b, what, 10) == "nothing");
    CHECK(pass_going_on(b, what, 3) == told_of(what));
    end(b);
    REQUIRE(b.m.drain(10 * second));
}

TEST_CASE("one after the other for longer than the timeout is no stall")
{
    const lasting what = each_kind();
    CAPTURE(told_of(what));
    bench b(still(1, 1));
    b.pass(second);
    begin(b, what);
    std::string seen = "nothing";
    for (int i = 0; i < 8 && seen == "nothing"; ++i) {
        seen = pass_going_on(b, what, 7);
        end_and_begin(b, what);
    }
    CHECK(seen == "nothing");
    end(b);
    REQUIRE(b.m.drain(10 * second));
}

TEST_CASE("time in which the watch did not run either, as in a process that was stopped, makes no stall")
{
    const lasting what = each_kind();
    CAPTURE(told_of(what));
    bench b(still(1, 1));
    b.pass(second);
    begin(b, what);
    CHECK(pass_going_on(b, what, 5) == "nothing");
    b.now += 3600 * second; // SIGSTOP, and an hour later SIGCONT
    CHECK(pass_going_on(b, what, 10) == "nothing");
    CHECK(pass_going_on(b, what, 3) == told_of(what)); // the watch is not blind afterwards
    end(b);
    REQUIRE(b.m.drain(10 * second));
}

TEST_CASE("a vCPU that is offline is not deaf, nor one that nobody raises an NMI on or whose queue is full")
{
    bench b(still(2));
    b.m.cpu_down(0);
    CHECK(pass_going_on(b, lasting::raises, 30) == "nothing"); // each is in the books as offline
    b.m.cpu_up(0);
    CHECK(b.pass(30 * second) == "nothing");
    for (int i = 0; i < 15; ++i) { // the kernel refuses each, and a look comes in between
        b.cpu().line.count_raises(1);
        CHECK(b.pass(second) == "nothing");
        ++b.cpu().line.rejected;
        CHECK(b.pass(second) == "nothing");
    }
}

TEST_CASE("what a vCPU left unanswered when it went offline is no stall while it is offline")
{
    bench b(still(2, 1));
    begin(b, lasting::raises);
    CHECK(pass_going_on(b, lasting::raises, 3) == "nothing");
    end(b);
    b.m.cpu_down(0);
    CHECK(b.pass(30 * second) == "nothing");
}

TEST_CASE("a vCPU that goes offline and comes back is heard of anew")
{
    bench b(still(2, 1));
    begin(b, lasting::raises);
    CHECK(pass_going_on(b, lasting::raises, 9) == "nothing");
    b.m.cpu_down(0);
    b.m.cpu_up(0); // between two looks
    CHECK(pass_going_on(b, lasting::raises, 9) == "nothing");
    CHECK(pass_going_on(b, lasting::raises, 5) == told_of(lasting::raises));
    end(b);
}

TEST_CASE("hotplug leaves nothing behind that the watch would take for a change under way")
{
    machine m(still(2));
    hotplug changes(m, 0, 1);
    changes.start();
    CHECK(eventually([&] { return internals(m).changing_since_ns != 0; })); // seen from outside
    CHECK(eventually([&] { return internals(m).area(0).times_onlined.read() > 1; }));
    REQUIRE(changes.stop(60 * second));
    CHECK(internals(m).changing_since_ns == 0);
}

TEST_CASE("patience counts the time in which somebody asks, and none in which nobody could")
{
    constexpr std::uint64_t turn = patience::longest_turn_ns;
    patience wait(10 * turn);
    std::uint64_t now = second;
    CHECK_FALSE(wait.is_over(now));
    for (int i = 0; i < 4; ++i)
        CHECK_FALSE(wait.is_over(now += turn));
    CHECK_FALSE(wait.is_over(now += 3600 * second)); // stopped for an hour: one turn
    for (int i = 0; i < 4; ++i)
        CHECK_FALSE(wait.is_over(now += turn));
    CHECK(wait.is_over(now += turn));
    CHECK(patience(0).is_over(now));
}

TEST_CASE("a vCPU that does not leave its workload is waited for as long as was said")
{
    const auto child = in_child(60, [] {
        static std::atomic<bool> forever{true}, begun{false};
        machine_config c = still(2);
        c.custom_workload = [](vcpu& self) {
            if (self.number() == 1) {
                begun = true;
                while (forever) {
                }
            }
        };
        machine m(c);
        if (!eventually([] { return begun.load(); }))
            return std::string("no workload");
        const bool other = cpus_down_within(m, 0, 1, 60 * second);
        const bool stuck = cpus_down_within(m, 1, 2, 50'000'000);
        forever = false;
        const bool then = cpus_down_within(m, 0, 2, 60 * second);
        return fmt::format("{} {} {} {}", other, stuck, then, m.cpu_online(1));
    });
    CHECK(child.exited);
    CHECK(child.text == "true false true false");
}

TEST_CASE("a run ends though a vCPU stays in its workload for ever, and says so")
{
    const bool of_hotplug = GENERATE(false, true);
    CAPTURE(of_hotplug);
    const auto child = in_child(120, [=] {
        run_config c;
        c.machine.cpus = 2;
        c.machine.custom_workload = [](vcpu& self) {
            if (self.number() == 0)
                for (volatile bool forever = true; forever;) {
                }
            self.workload_round();
        };
        c.swap = false;
        c.stall_timeout_ns = 500'000'000;
        c.duration_ns = of_hotplug ? 0 : 100'000'000; // 0: nothing else ends it
        c.onoff = of_hotplug;
        const run_report r = run(c);
        return check_in_words(r, check::progress);
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, test::Contains("stall, fail: "));
    CHECK_THAT(child.text,
               test::Contains(of_hotplug ? "milliseconds waited for a vCPU to go offline or online"
                                         : "milliseconds waited for a vCPU to leave its workload"));
}

TEST_CASE("a run in which a vCPU has gone deaf does not pass, however long it lasts")
{
    const bool until_found = GENERATE(false, true);
    CAPTURE(until_found);
    const auto child = in_child(120, [=] {
        run_config c;
        c.machine.cpus = 2;
        static std::atomic<bool> deaf{false};
        c.machine.custom_workload = [](vcpu& self) {
            if (self.number() == 1 && !deaf.exchange(true))
                this_cpu->line.pending = 1; // nothing opens this latch
            self.workload_round();
        };
        c.stall_timeout_ns = until_found ? 500'000'000 : 60 * second;
        c.duration_ns = until_found ? 0 : 500'000'000;
        run_report r = run(c);
        for (int i = 0; i < 20 && !deaf; ++i) // on a busy machine a run may end before the workload has begun
            r = run(c);
        return check_in_words(r, until_found ? check::progress : check::conservation);
    });
    CHECK(child.exited);
    if (until_found)
        CHECK_THAT(child.text, test::Contains("stall, fail: ") &&
                                   test::Contains("NMIs were raised and none handled (at most)"));
    else
        CHECK_THAT(child.text,
                   test::Contains("fail: ") && test::Contains("the latch is closed and nothing is pending"));
}
