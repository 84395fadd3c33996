// SPDX-License-Identifier: MIT
//
// A checked run as a whole: the correct code passes with every check having looked at something.
#include "base/clock.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "support/text_matcher.hpp"
#include "verify/jobs/handler_job.hpp"
#include "verify/parts/swapper.hpp"
#include "verify/run.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sys/resource.h>

using namespace nmisim;
using nmisim::test::checks_looked;
using nmisim::test::in_child;
using nmisim::test::looked_run;

namespace {

run_config quick()
{
    run_config c;
    c.duration_ns = 100'000'000;
    c.swap_interval_ns = 1'000'000;
    return c;
}

/// "pass", or what is wrong.
std::string judge_in_words(const run_config& config)
{
    const run_report r = looked_run(config, checks_looked);
    std::string text;
    for (const check_report& c : r.checks)
        if (c.status != check_status::pass)
            text += fmt::format("{} {}: {}\n", name_of(c.id), name_of(c.status), c.first);
    const cpu_report& t = r.total;
    if (t.raised != t.handled + t.coalesced + t.rejected + t.offline)
        text += "books do not balance\n";
    if (r.retired != r.reclaimed)
        text += "not everything retired was reclaimed\n";
    return text.empty() ? "pass" : text;
}

/// In a child.
void passes(const run_config& config)
{
    const auto child = in_child(60, [&] { return judge_in_words(config); });
    CHECK(child.text == "pass");
}

void is_refused(const run_config& config, const char* why)
{
    const auto child = in_child(30, [&] { return judge_in_words(config); });
    CHECK(child.code == 99);
    CHECK_THAT(child.text, nmisim::test::Contains(why));
}

} // namespace

TEST_CASE("the correct code passes every check, with each flavor and delivery")
{
    run_config c = quick();
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.delivery = GENERATE(from_range(all_deliveries));
    c.reclaim = GENERATE(from_range(all_reclaims));
    CAPTURE(name_of(c.machine.rcu), name_of(c.machine.delivery), name_of(c.reclaim));
    passes(c);
}

TEST_CASE("a run swaps through machine::exchange(): what it has published comes back from the next one")
{
    const auto child = in_child(60, [] {
        machine m({.cpus = 1});
        const auto job = make_handler_job(run_config());
        element_pool pool(4, job->function(), *job, 0);
        const auto swapper = make_swapper(m, pool, reclaim::sync, info_of(fault::none).swap);
        swapper->first();
        swapper->step();
        nmi_callback* const current = internals(m).domain.callback.load();
        const nmi_handler back = m.exchange(nullptr).old;
        return fmt::format("{} {} {}", back.get() == current, pool.books().retired, pool.books().reclaimed);
    });
    CHECK(child.text == "true 1 1");
}

TEST_CASE("the correct code passes every check, with each workload")
{
    run_config c = quick();
    c.machine.cpus = 2;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.workload = GENERATE(from_range(all_workloads));
    CAPTURE(name_of(c.machine.rcu), name_of(c.machine.workload));
    // idle and alloc rounds keep errno out of their own look; the signal entry's look is still there.
    passes(c);
}

TEST_CASE("with IRQ lines the correct code passes every check, with each flavor and workload, and nobody is "
          "left out")
{
    run_config c = quick();
    c.machine.cpus = 2;
    c.machine.irqs = 3;
    c.irq_rate_hz = 5'000;
    c.swap_interval_ns = 0;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.workload = GENERATE(from_range(all_workloads));
    CAPTURE(name_of(c.machine.rcu), name_of(c.machine.workload));
    const auto child = in_child(60, [&] {
        const run_report r = looked_run(c, [](const run_report& done) {
            return done.irq_swaps > 0 && std::all_of(done.irqs.begin(), done.irqs.end(),
                                                     [](auto& irq) { return irq.raised != irq.offline; });
        });
        std::string text = r.passed() ? "pass" : "fail";
        for (const irq_report& irq : r.irqs)
            if (irq.handled == 0 || irq.unhandled != 0 ||
                irq.raised != irq.handled + irq.coalesced + irq.rejected + irq.offline)
                text += fmt::format(", line {} is wrong", irq.irq);
        return text + fmt::format(", {} lines, swapped: {}", r.irqs.size(), r.irq_swaps > 0);
    });
    CHECK(child.exited);
    CHECK(child.text == "pass, 3 lines, swapped: true");
}

TEST_CASE("NMIs that interrupt NMIs pass every check, with the machine and without it")
{
    run_config c = quick();
    c.machine.nesting = GENERATE(nesting::latched, nesting::nested);
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.delivery = GENERATE(from_range(all_deliveries));
    c.inject.rate_max = true;
    c.hold_ns = 20'000;
    CAPTURE(name_of(c.machine.nesting), name_of(c.machine.rcu), name_of(c.machine.delivery));
    passes(c);
}

TEST_CASE("swaps back to back at the highest rate pass, with each flavor")
{
    run_config c = quick();
    c.inject.rate_max = true;
    c.swap_interval_ns = 0;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    CAPTURE(name_of(c.machine.rcu));
    passes(c);
}

TEST_CASE("poisson and burst arrivals pass, and come at the mean rate that was asked for")
{
    run_config c = quick();
    c.duration_ns = 1'000'000'000;
    c.inject.rate_hz = 2000;
    c.inject.arrival = GENERATE(arrival::poisson, arrival::burst);
    c.inject.burst = 8;
    const auto child = in_child(60, [&] {
        // Three sigma of a poisson process: 7 %. On a busy machine the run takes longer than was asked for, and its
        // injector may begin late, which counts for less in a longer run.
        const auto of_due = [](const run_report& r, std::uint64_t ns) {
            return static_cast<double>(r.requested) / (2000 * static_cast<double>(ns) / 1e9);
        };
        const auto enough = [&](const run_report& r) { return of_due(r, r.config.duration_ns) > 0.8; };
        const run_report r = looked_run(c, enough);
        const bool right = enough(r) && of_due(r, r.elapsed_ns) < 1.15;
        return fmt::format("{} {}", r.passed(),
                           right ? "right" : fmt::format("{} in {} ns", r.requested, r.elapsed_ns));
    });
    CHECK(child.text == "true right");
}

TEST_CASE("the controller may run on a vCPU, where NMIs interrupt it")
{
    run_config c = quick();
    c.controller_place = controller_place::vcpu;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.reclaim = GENERATE(from_range(all_reclaims));
    CAPTURE(name_of(c.machine.rcu), name_of(c.reclaim));
    passes(c);
}

TEST_CASE("a run that saw no NMI does not pass")
{
    run_config c = quick();
    c.duration_ns = 20'000'000;
    c.inject.rate_hz = 0;
    const auto child = in_child(60, [&] { return judge_in_words(c); });
    CHECK_THAT(child.text, nmisim::test::Contains("grace-period nothing-seen"));
}

TEST_CASE("a hook can stop a run, which is then incomplete and still balanced")
{
    run_config c = quick();
    c.duration_ns = 60'000'000'000;
    const auto child = in_child(30, [&] {
        int pauses = 0;
        run_hooks hooks;
        hooks.pause = [&](std::uint64_t ns) {
            spin_for(ns);
            return ++pauses > 10 ? SIGINT : 0;
        };
        const run_report r = run(c, hooks);
        return fmt::format("{} {} {} {}", r.passed(), r.complete, name_of(r.stop_reason), r.stop_signal);
    });
    CHECK(child.text == fmt::format("true false signal {}", SIGINT));
}

TEST_CASE("a signal queue that is too small is refused before the run, with what to do")
{
    const auto child = in_child(30, [] {
        const rlimit small{16, 16};
        setrlimit(RLIMIT_SIGPENDING, &small);
        run_config c = quick();
        c.machine.cpus = 64;
        return judge_in_words(c);
    });
    CHECK(child.code == 99);
    CHECK_THAT(child.text, nmisim::test::Contains("ulimit -i"));
}

TEST_CASE("a fault that only store buffers show is refused by a run: it would need luck")
{
    run_config c = quick();
    c.machine.rcu = flavor::nmi;
    c.fault = fault::no_reader_fence;
    is_refused(c, "explore --memory tso");
}

TEST_CASE("a fault that a flavor cannot show is refused with the reason")
{
    run_config c = quick();
    c.machine.rcu = flavor::bp;
    c.fault = fault::rcu_not_watching;
    is_refused(c, "registers a reader by itself");
}
