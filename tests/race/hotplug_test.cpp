// SPDX-License-Identifier: MIT
//
// vCPUs whose threads end and start while NMIs are raised and handlers swapped: what is the vCPU's stays.
#include "base/signal_mask.hpp"
#include "machine/hotplug.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "support/text_matcher.hpp"
#include "verify/run.hpp"

#include <atomic>
#include <fmt/format.h>
#include <thread>
#include <tuple>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::checks_looked;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::looked_run;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

nmi_handler claiming()
{
    return make_nmi_handler([](const pt_regs&, int) noexcept { return 1; });
}

} // namespace

TEST_CASE("under hotplug every check holds, with each flavor and delivery, and all threads are accounted for")
{
    run_config c;
    c.machine.cpus = 2;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.delivery = GENERATE(from_range(all_deliveries));
    c.controller_place = GENERATE(from_range(all_controller_places));
    c.onoff = true;
    c.onoff_interval_ns = 2'000'000;
    c.swap_interval_ns = 200'000;
    c.duration_ns = 300'000'000;
    CAPTURE(name_of(c.machine.rcu), name_of(c.machine.delivery), name_of(c.controller_place));
    const auto child = in_child(60, [&] {
        run_report r = looked_run(c, checks_looked);
        // On a busy machine no vCPU may come back in a short one.
        while (r.onlined == 0 && r.passed() && r.onoff_failed == 0 && c.duration_ns < 5'000'000'000) {
            c.duration_ns *= 2;
            r = looked_run(c, checks_looked);
        }
        std::string text;
        for (const check_report& k : r.checks)
            if (k.status != check_status::pass)
                text += fmt::format("{} {}: {}\n", name_of(k.id), name_of(k.status), k.first);
        if (r.offlined == 0 || r.onlined == 0)
            text += fmt::format("{} offlined, {} onlined\n", r.offlined, r.onlined);
        if (r.total.times_onlined != 2 + r.onlined)
            text += fmt::format("{} threads for {} onlined\n", r.total.times_onlined, r.onlined);
        if (r.cpu_down.count != r.offlined || r.cpu_up.count != r.onlined)
            text += "not every change was timed\n";
        return text.empty() ? "pass" : text;
    });
    CHECK(child.exited);
    CHECK(child.text == "pass");
}

TEST_CASE("the counters of a vCPU survive its thread")
{
    machine_config c;
    c.rcu = GENERATE(from_range(all_flavors));
    c.percpu = GENERATE(from_range(all_percpu_forms));
    CAPTURE(name_of(c.rcu), name_of(c.percpu));
    std::atomic<int> tid{0};
    c.custom_workload = [&](vcpu&) { tid.store(gettid()); };
    machine m(c);
    std::ignore = m.exchange(claiming());
    for (int life = 1; life <= 3; ++life) {
        REQUIRE(m.raise_nmi(0) == raise_result::sent);
        REQUIRE(m.drain(10 * second));
        CHECK(m.nmi_count(0) == static_cast<std::uint64_t>(life));
        CHECK(internals(m).area(0).times_onlined.read() == static_cast<std::uint64_t>(life));
        REQUIRE(eventually([&] { return tid != 0; }));
        m.cpu_down(0);
        const int ended = tid.exchange(0);
        CHECK(m.raise_nmi(0) == raise_result::offline);
        m.cpu_up(0);
        REQUIRE(eventually([&] { return tid != 0; }));
        CHECK(tid != ended);
    }
    CHECK(internals(m).area(0).line.offline_at_raise == 3);
}

TEST_CASE("NMIs that wait for a vCPU that goes offline are in the books as offline")
{
    machine_config c;
    c.rcu = GENERATE(from_range(all_flavors));
    c.delivery = delivery::queue;
    std::atomic<bool> masked{false};
    c.custom_workload = [&](vcpu& self) {
        change_mask(SIG_BLOCK, SIGRTMIN + 1); // as code would that a handler cannot be asked to respect
        masked = true;
        while (!self.stopping())
            self.quiescent_state();
    };
    machine m(c);
    std::ignore = m.exchange(claiming());
    REQUIRE(eventually([&] { return masked.load(); }));
    for (int i = 0; i < 3; ++i)
        REQUIRE(m.raise_nmi(0) == raise_result::sent);
    m.cpu_down(0);
    CHECK(m.drain(0));
    CHECK(m.nmi_count(0) == 0);
    CHECK(internals(m).area(0).offline_seen.read() == 3);
    CHECK(internals(m).area(0).line.in_flight() == 0);
}

TEST_CASE("NMIs and IRQs that wait for a vCPU that goes offline leave its lines open: what is raised "
          "afterwards is handled")
{
    machine_config c;
    c.rcu = GENERATE(from_range(all_flavors));
    c.delivery = GENERATE(from_range(all_deliveries));
    c.nesting = GENERATE(nesting::blocked, nesting::latched);
    c.irqs = 1;
    CAPTURE(name_of(c.rcu), name_of(c.delivery), name_of(c.nesting));
    std::atomic<bool> masked{false};
    std::atomic<int> life{1};
    c.custom_workload = [&](vcpu& self) {
        if (life != 1)
            return self.workload_round();
        for (const int offset : {1, 3}) // the NMI and the IRQ line
            change_mask(SIG_BLOCK, SIGRTMIN + offset);
        masked = true;
        while (!self.stopping())
            self.quiescent_state();
    };
    machine m(c);
    std::ignore = m.exchange(claiming());
    REQUIRE(eventually([&] { return masked.load(); }));
    REQUIRE(m.raise_nmi(0) == raise_result::sent);
    REQUIRE(raise_irq(m, 0, 0) == raise_result::sent);
    m.cpu_down(0);
    life = 2;
    percpu& area = internals(m).area(0);
    irq_line& irq = area.irq->lines[0];
    CHECK(area.offline_seen.read() + irq.offline_seen.read() == 2);
    for (std::uint64_t n = 1; n <= 2; ++n) {
        m.cpu_up(0);
        CHECK(m.raise_nmi(0) == raise_result::sent);
        CHECK(raise_irq(m, 0, 0) == raise_result::sent);
        REQUIRE(m.drain(10 * second));
        CHECK(m.nmi_count(0) == n);
        CHECK(irq.count.read() == n);
        m.cpu_down(0);
        CHECK_FALSE(area.line.is_deaf());
        CHECK_FALSE(irq.line.is_deaf());
    }
}

TEST_CASE("a storm of NMIs cannot keep a vCPU from going offline")
{
    const auto child = in_child(10, [] {
        machine m(machine_config{});
        machine* const self = &m;
        // Each NMI raises the next one: it is pending when this one ends, and the vCPU gets no instruction.
        std::ignore = m.exchange(make_nmi_handler([self](const pt_regs&, int cpu) noexcept {
            self->raise_nmi(cpu);
            return 1;
        }));
        m.raise_nmi(0);
        const bool stormy = eventually([&] { return m.nmi_count(0) > 100; });
        m.cpu_down(0);
        return std::string(stormy && !m.cpu_online(0) && m.drain(0) ? "offline" : "?");
    });
    CHECK(child.exited);
    CHECK(child.text == "offline");
}

TEST_CASE("a backtrace may be asked of a vCPU that comes and goes")
{
    machine m(machine_config{});
    std::atomic<bool> stop{false};
    std::atomic<int> answers{0};
    std::thread asker([&] {
        while (!stop)
            answers += internals(m).cpus[0]->backtrace().empty() ? 0 : 1;
    });
    for (int i = 0; i < 200; ++i) {
        m.cpu_down(0);
        m.cpu_up(0);
    }
    CHECK(eventually([&] { return answers > 0; }));
    stop = true;
    asker.join();
}

TEST_CASE("stopping hotplug tells of a vCPU that does not end instead of waiting for it")
{
    const auto child = in_child(10, [] {
        machine_config c;
        std::atomic<bool> begun{false}, forever{true};
        c.custom_workload = [&](vcpu&) {
            begun = true;
            while (forever) {
            }
        };
        auto* const m = new machine(c); // left behind, as a run does
        auto* const h = new hotplug(*m, 0, 1);
        if (!eventually([&] { return begun.load(); }))
            return std::string("no workload");
        h->start();
        const bool asked = eventually([&] { return internals(*m).changing_since_ns != 0; });
        const bool stopped = h->stop(50'000'000);
        return fmt::format("{} {} {}", asked, stopped, h->offlined());
    });
    CHECK(child.text == "true false 0");
}

TEST_CASE("a run under hotplug does not wait for ever for a vCPU that is stuck")
{
    run_config c;
    c.fault = fault::stuck_handler;
    c.onoff = true;
    c.onoff_interval_ns = 1'000'000;
    const auto child = in_child(30, [&] {
        const run_report r = run(c);
        return fmt::format("{}, complete: {}, {}", name_of(r.stop_reason), r.complete,
                           r.checks[static_cast<std::size_t>(check::progress)].first);
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, nmisim::test::Contains("stall, complete: false, "));
    // Whichever the watch sees first: the vCPU is in an NMI, a grace period waits for it, or the hotplug does. What
    // comes after the watch finds it as well, but then the run is complete.
    CHECK_THAT(child.text,
               nmisim::test::Contains("milliseconds inside one NMI (at most)") ||
                   nmisim::test::Contains("milliseconds waited for one grace period (at most)") ||
                   nmisim::test::Contains("milliseconds waited for a vCPU to go offline or online"));
}
