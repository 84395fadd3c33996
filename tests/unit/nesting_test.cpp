// SPDX-License-Identifier: MIT
//
// NMIs that interrupt NMIs: the three-state machine, nesting without it, and the stack frame that a nested one
// overwrites. A handler that raises an NMI on its own vCPU while the window is open is interrupted before its
// next instruction, so each test is a sequential program.
#include "machine/machine_state.hpp"
#include "nmi/entry/nesting.hpp"
#include "nmisim/irq.hpp"
#include "nmisim/machine.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <tuple>
#include <vector>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

/// A machine of one vCPU that runs what a test asks it to.
struct bench {
    test::on_vcpu cpu;
    machine m;
    explicit bench(nesting how, flavor f = flavor::memb, entry_kind fault = entry_kind::correct)
        : m(make_machine(config(how, f, cpu), machine_faults{fault}))
    {}
    static machine_config config(nesting how, flavor f, test::on_vcpu& cpu)
    {
        machine_config c;
        c.rcu = f;
        c.nesting = how;
        c.custom_workload = cpu.workload();
        return c;
    }
    void handle(std::function<void()> what)
    {
        std::ignore = m.exchange(make_nmi_handler([what = std::move(what)](const pt_regs&, int) noexcept {
            what();
            return 1;
        }));
    }
    void nmi()
    {
        cpu.run([this] { m.raise_nmi(0); });
    }
    percpu& area() { return internals(m).area(0); }
    std::uint64_t failures() { return area().checks[check::nesting].failures(); }
};

int depth() noexcept
{
    return static_cast<int>((this_cpu->count->preempt_count() & nmi_mask) / nmi_offset);
}

auto irq_that_raises_an_nmi(machine& m)
{
    return request_irq(m, 0, make_nmi_handler([&m](const pt_regs&, int) noexcept {
                           m.raise_nmi(0);
                           return irq_handled;
                       }),
                       0, "interrupted");
}

flavor every_flavor()
{
    return GENERATE(from_range(all_flavors));
}

} // namespace

TEST_CASE("five NMIs that come while one executes are one further pass: LATCHED is stored, not counted")
{
    bench b(nesting::latched, every_flavor());
    int calls = 0, deepest = 0, sent = 0;
    b.handle([&] {
        deepest = std::max(deepest, depth());
        if (++calls == 1)
            for (int i = 0; i < 5; ++i) // each is taken at once, and returns at once
                sent += b.m.raise_nmi(0) == raise_result::sent ? 1 : 0;
    });
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(sent == 5);
    CHECK(calls == 2);
    CHECK(deepest == 1);
    CHECK(b.m.nmi_count(0) == 2); // passes, not arrivals
    CHECK(b.area().nesting.nested.read() == 5);
    CHECK(b.area().nesting.merged.read() == 4);
    CHECK(b.area().nesting.restarts.read() == 1);
    CHECK(b.area().nesting.state == nmi_not_running);
    CHECK(b.failures() == 0);
}

TEST_CASE("the body is run again as long as something came in its last pass, and then never more")
{
    bench b(nesting::latched, every_flavor());
    int calls = 0;
    b.handle([&] {
        if (++calls <= 3)
            b.m.raise_nmi(0);
    });
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(calls == 4);
    CHECK(b.area().nesting.restarts.read() == 3);
    CHECK(b.area().nesting.merged.read() == 0);
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(calls == 5);
}

TEST_CASE("errno is put back by every pass, before the state says that the NMI has ended")
{
    bench b(nesting::latched);
    int calls = 0, errno_after = 0;
    b.handle([&] {
        errno = EDOM;
        if (++calls == 1)
            b.m.raise_nmi(0);
    });
    b.cpu.run([&] {
        errno = ENOTTY;
        b.m.raise_nmi(0);
        errno_after = errno;
    });
    CHECK(calls == 2);
    CHECK(errno_after == ENOTTY);
    CHECK(b.area().checks[check::errno_kept].looked_at() == 2);
    CHECK(b.area().checks[check::errno_kept].failures() == 0);
}

TEST_CASE("without the machine NMIs nest, to a depth of 15 and not further")
{
    bench b(nesting::nested, every_flavor());
    int calls = 0, deepest = 0;
    b.handle([&] {
        deepest = std::max(deepest, depth());
        if (++calls < 20)
            b.m.raise_nmi(0);
    });
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(calls == 20);
    CHECK(b.m.nmi_count(0) == 20);
    CHECK(deepest == 15);
    CHECK(b.area().nesting.max_depth == 15);
    CHECK(b.area().nesting.nested.read() == 19);
    CHECK(b.failures() == 0);
    CHECK(b.area().count->preempt_count() == 0);
}

TEST_CASE("NMIs that are pending when the window opens nest to the same depth and not further")
{
    test::on_vcpu cpu;
    machine_config c = bench::config(nesting::nested, every_flavor(), cpu);
    c.delivery = delivery::queue;
    machine m(c);
    int calls = 0;
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        ++calls;
        return 1;
    }));
    cpu.run([&] {
        close_nmi_window(*this_cpu);
        for (int i = 0; i < 40; ++i)
            m.raise_nmi(0);
        open_nmi_window(*this_cpu); // each comes before the one before it has come to nmi_enter
    });
    const percpu& area = internals(m).area(0);
    CHECK(calls == 40);
    CHECK(area.nesting.max_depth == 15);
    CHECK(area.nesting.nested.read() == 39);
    CHECK(area.nesting.depth == 0);
    CHECK(area.checks[check::nesting].failures() == 0);
}

TEST_CASE("on top of an IRQ, whose depth each NMI adds to, NMIs nest one level less")
{
    test::on_vcpu cpu;
    machine_config c = bench::config(nesting::nested, every_flavor(), cpu);
    c.irqs = 1;
    machine m(c);
    int calls = 0, deepest = 0;
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        deepest = std::max(deepest, depth());
        if (++calls < 20)
            m.raise_nmi(0);
        return 1;
    }));
    const auto irq = irq_that_raises_an_nmi(m);
    cpu.run([&] { raise_irq(m, 0, 0); });
    const percpu& area = internals(m).area(0);
    CHECK(calls == 20);
    CHECK(deepest == 14);
    CHECK(area.nesting.depth == 0);
    CHECK(area.count->preempt_count() == 0);
    CHECK(area.checks[check::nesting].failures() == 0);
}

TEST_CASE("NMIs that nest leave an alternate stack alone, also on top of an IRQ")
{
    std::vector<char> alternate(256 * 1024);
    test::on_vcpu cpu;
    machine_config c = bench::config(nesting::nested, flavor::memb, cpu);
    c.irqs = 1;
    machine m(c);
    int calls = 0;
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        if (++calls < 20)
            m.raise_nmi(0);
        return 1;
    }));
    const auto irq = irq_that_raises_an_nmi(m);
    cpu.run([&] {
        stack_t before;
        const stack_t own{alternate.data(), 0, alternate.size()};
        sigaltstack(&own, &before);
        raise_irq(m, 0, 0);
        m.raise_nmi(0);
        sigaltstack(&before, nullptr);
    });
    CHECK(calls == 21);
    CHECK(std::all_of(alternate.begin(), alternate.end(), [](char byte) { return byte == 0; }));
}

TEST_CASE("only where NMIs nest without the machine do its signals not use an alternate stack")
{
    const auto each = GENERATE(from_range(all_nestings));
    machine_config c;
    c.nesting = each;
    c.irqs = 1;
    machine m(c);
    for (const int signo : {internals(m).nmi_signal.number(), internals(m).backtrace_signal.number(),
                            internals(m).irq_signals[0]->number()}) {
        struct sigaction now {};
        REQUIRE(sigaction(signo, nullptr, &now) == 0);
        CHECK(((now.sa_flags & SA_ONSTACK) == 0) == (each == nesting::nested));
    }
}

TEST_CASE("what a nested NMI finds in the percpu area of the interrupted one is there again afterwards")
{
    bench b(nesting::nested);
    bool kept = true;
    int calls = 0;
    b.handle([&] {
        this_cpu->generations_run = 1; // as a checked handler's would
        const int mine = ++calls;
        if (mine < 3)
            b.m.raise_nmi(0);
        kept = kept && this_cpu->generations_run == 1 && this_cpu->defaults_run == 0;
    });
    internals(b.m).domain.expect_one_generation = true;
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(calls == 3);
    CHECK(kept);
    CHECK(b.area().checks[check::exactly_once].failures() == 0);
    internals(b.m).domain.expect_one_generation = false;
}

TEST_CASE("blocked, which is the default: an NMI waits for the one that executes")
{
    bench b(nesting::blocked, every_flavor());
    int calls = 0, deepest = 0;
    std::string log;
    b.handle([&] {
        deepest = std::max(deepest, depth());
        log += '(';
        if (++calls == 1)
            b.m.raise_nmi(0);
        log += ')';
    });
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(log == "()()");
    CHECK(deepest == 1);
    CHECK(b.area().nesting.nested.read() == 0);
}

TEST_CASE("a stack frame at a fixed place survives behind the machine and is overwritten without it")
{
    const auto failures_with = [](nesting how, entry_kind fault) {
        bench b(how, flavor::memb, fault);
        int calls = 0;
        b.handle([&] {
            if (++calls == 1)
                b.m.raise_nmi(0);
        });
        b.nmi();
        REQUIRE(b.m.drain(nsec_per_sec));
        CHECK(calls == 2);
        return b.failures();
    };
    CHECK(failures_with(nesting::latched, entry_kind::correct) == 0); // the fixed place, protected
    CHECK(failures_with(nesting::nested, entry_kind::correct) == 0);  // a frame of its own for each
    CHECK(failures_with(nesting::nested, entry_kind::nested_stack) == 1);
}

TEST_CASE("the 16th NMI on top of each other is a BUG, and runs no handler")
{
    const flavor f = GENERATE(flavor::memb, flavor::nmi);
    static auto* const deepest = // shared: the child tells nothing when it aborts
        static_cast<std::atomic<int>*>(mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(deepest != MAP_FAILED);
    *deepest = 0;
    const auto child = in_child(20, [&] {
        bench b(nesting::nested, f);
        b.handle([&] {
            *deepest = depth();
            if (depth() == 15)
                open_nmi_window(*this_cpu); // what the entry does not do
            b.m.raise_nmi(0);
        });
        b.nmi();
        return std::string("no BUG");
    });
    CHECK_FALSE(child.exited);
    CHECK(child.code == SIGABRT);
    CHECK(*deepest == 15);
}

TEST_CASE("flavor nmi: an NMI ends a section, and one on top of it none")
{
    bench b(nesting::nested, flavor::nmi);
    int calls = 0;
    b.handle([&] {
        if (++calls == 1)
            b.m.raise_nmi(0);
    });
    const auto sections = [&] { return b.area().count->look() / one_section; };
    const std::uint64_t before = sections();
    b.nmi();
    REQUIRE(b.m.drain(nsec_per_sec));
    CHECK(calls == 2);
    CHECK((sections() - before) % 256 == 1);
}

TEST_CASE("flavor nmi: read-side sections nest 32768 deep, and one more is a BUG")
{
    const int levels = GENERATE(32768, 32769);
    const auto child = in_child(20, [&] {
        const domain_rcu ops(flavor::nmi);
        ops.register_thread();
        for (int i = 0; i < levels; ++i)
            std::ignore = ops.read_lock();
        for (int i = 0; i < levels; ++i)
            ops.read_unlock({});
        return std::string("no BUG");
    });
    CHECK(child.exited == (levels == 32768));
    if (child.exited)
        CHECK(child.text == "no BUG");
    else
        CHECK(child.code == SIGABRT);
}

TEST_CASE("queued NMIs go through the window one by one, and nothing is lost")
{
    const nesting how = GENERATE(nesting::latched, nesting::nested);
    test::on_vcpu cpu;
    machine_config c = bench::config(how, flavor::memb, cpu);
    c.delivery = delivery::queue;
    machine m(c);
    int calls = 0;
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        if (++calls == 1)
            for (int i = 0; i < 4; ++i)
                m.raise_nmi(0);
        return 1;
    }));
    cpu.run([&] { m.raise_nmi(0); });
    REQUIRE(m.drain(nsec_per_sec));
    const percpu& area = internals(m).area(0);
    CHECK(area.line.raised() == m.nmi_count(0) + area.nesting.merged.read());
    CHECK(m.nmi_count(0) == (how == nesting::latched ? 2 : 5));
}
