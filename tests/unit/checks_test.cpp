// SPDX-License-Identifier: MIT
//
// Checks that look in several ways, one way at a time. In a run with a fault, the first look to fail ends the run, so
// each look has its own test.
#include "nmi/handlers/checked_handler.hpp"
#include "nmi/irq/irq.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"
#include "verify/judge.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <tuple>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

/// As element_pool leaves it when it is published.
void make_alive(checked_handler& h, std::uint64_t generation)
{
    h.generation = generation;
    h.canary = canary_alive;
    h.age = 0;
    h.data = make_handler_data(generation);
}

} // namespace

TEST_CASE("a handler that is alive passes the looks at it, in NMI and in task context")
{
    checked_handler h;
    make_alive(h, 7);
    percpu area;
    observe(h, area);
    observe_from_task(h, area);
    for (check_block* block : {&area.checks, &area.task_checks}) {
        CHECK((*block)[check::grace_period].looked_at() == 1);
        CHECK((*block)[check::publish_order].looked_at() == 1);
        CHECK((*block)[check::grace_period].failures() + (*block)[check::publish_order].failures() == 0);
    }
    CHECK(area.last_generation.read() == 7);
}

TEST_CASE("a handler with a poisoned canary is seen, though its age and generation are right")
{
    checked_handler h;
    make_alive(h, 7);
    h.canary = canary_poison;
    percpu area;
    observe(h, area);
    REQUIRE(area.checks[check::grace_period].failures() == 1);
    const violation& v = area.checks[check::grace_period].first();
    CHECK(std::string(v.what).find("canary") == 0);
    CHECK(v.observed == canary_poison);
    CHECK(v.expected == canary_alive);
}

TEST_CASE("a handler that is used again while an NMI holds it is seen, though its age and canary are right")
{
    checked_handler h;
    make_alive(h, 7);
    h.hold_ns = 1'000'000;
    percpu area;
    std::atomic<bool> stop{false};
    std::thread user([&] {
        while (!stop)
            ++h.generation;
    });
    const bool seen = eventually([&] {
        observe(h, area);
        return area.checks[check::grace_period].failures() > 0;
    });
    stop = true;
    user.join();
    REQUIRE(seen);
    const violation& v = area.checks[check::grace_period].first();
    CHECK(std::string(v.what).find("generation") == 0);
    CHECK(v.observed > v.expected);
}

TEST_CASE("an NMI that changes errno is seen by the signal entry, also where the workload does not look")
{
    test::on_vcpu cpu;
    machine_config c;
    c.custom_workload = cpu.workload();
    machine m = make_machine(c, machine_faults{entry_kind::clobber_errno, true});
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
        errno = EXDEV;
        return 1;
    }));
    int after = 0;
    cpu.run([&] {
        errno = ENOTTY;
        m.raise_nmi(0);
        after = errno;
    });
    const check_record& kept = internals(m).area(0).checks[check::errno_kept];
    CHECK(after == EXDEV);
    REQUIRE(kept.failures() == 1);
    CHECK(std::string(kept.first().what) == "errno after the NMI");
    CHECK(kept.first().observed == EXDEV);
    CHECK(kept.first().expected == ENOTTY);
}

TEST_CASE("an NMI that changes errno is seen by the workload that it interrupts")
{
    machine m = make_machine(machine_config{}, machine_faults{entry_kind::clobber_errno, true});
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
        errno = EXDEV;
        return 1;
    }));
    percpu& area = internals(m).area(0);
    // Both count, each in its own place: most NMIs find the workload between its two looks.
    CHECK(eventually([&] {
        m.raise_nmi(0);
        return area.checks[check::errno_kept].failures() > 0 &&
               area.task_checks[check::errno_kept].failures() > 0;
    }));
    m.all_cpus_down();
    CHECK(std::string(area.checks[check::errno_kept].first().what) == "errno after the NMI");
    CHECK(area.task_checks[check::errno_kept].first().what == std::string("errno in the workload"));
    CHECK(area.task_checks[check::errno_kept].first().expected == ENOTTY);
}

TEST_CASE("what an NMI's callback leaves behind in preempt_count is seen by the signal entry, and mended")
{
    test::on_vcpu cpu;
    machine_config c;
    c.custom_workload = cpu.workload();
    machine m(c);
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
        this_cpu->count->add(hardirq_offset);
        return 1;
    }));
    int level = -1;
    cpu.run([&] {
        m.raise_nmi(0);
        level = interrupt_context_level();
    });
    const check_record& nesting = internals(m).area(0).checks[check::nesting];
    REQUIRE(nesting.failures() == 1);
    CHECK(std::string(nesting.first().what) == "NMI depth left behind by nmi_exit");
    CHECK(level == 0);
}

TEST_CASE("what an IRQ's handler leaves behind in preempt_count is seen by the signal entry, and mended")
{
    test::on_vcpu cpu;
    machine_config c;
    c.irqs = 1;
    c.custom_workload = cpu.workload();
    machine m(c);
    const auto irq = request_irq(m, 0, make_nmi_handler([](const pt_regs&, int) noexcept {
                                     this_cpu->count->add(hardirq_offset);
                                     return irq_handled;
                                 }),
                                 0, "leaves one behind");
    int level = -1;
    cpu.run([&] {
        raise_irq(m, 0, 0);
        level = interrupt_context_level();
    });
    const check_record& nesting = internals(m).area(0).irq->checks[check::nesting];
    REQUIRE(nesting.failures() == 1);
    CHECK(std::string(nesting.first().what) == "IRQ depth left behind by irq_exit");
    CHECK(level == 0);
}

TEST_CASE("an nmi_exit that finds nothing to take back is a BUG")
{
    const auto child = in_child(20, [] {
        test::on_vcpu cpu;
        machine_config c;
        c.custom_workload = cpu.workload();
        machine m(c);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            this_cpu->count->add(-std::uint64_t{nmi_offset + hardirq_offset});
            return 1;
        }));
        cpu.run([&] { m.raise_nmi(0); });
        return std::string("no BUG");
    });
    CHECK_FALSE(child.exited);
    CHECK(child.code == SIGABRT);
}

TEST_CASE("a workload whose own result is wrong is seen, and counted as the run's failure")
{
    machine_config c;
    c.workload = workload::read; // reads the published callback, which is never null
    machine m(c);
    const percpu& area = internals(m).area(0);
    REQUIRE(eventually([&] { return area.task_checks[check::workload].looked_at() > 0; }));
    CHECK(failures_so_far(m, {}) == 0);
    internals(m).domain.callback = nullptr; // no NMI is raised in this test
    CHECK(eventually([&] { return area.task_checks[check::workload].failures() > 0; }));
    internals(m).domain.callback = &dummy_nmi_callback;
    CHECK(failures_so_far(m, {}) > 0);
    CHECK(std::string(area.task_checks[check::workload].first().what) == "null callbacks read");
}
