// SPDX-License-Identifier: MIT
//
// Maskable interrupts, one rule at a time. A vCPU that raises an IRQ on itself takes it before the next
// instruction or not at all, so most tests are sequential programs.
#include "nmisim/irq.hpp"

#include "base/message_line.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"
#include "support/text_matcher.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

machine_config config_with(int irqs, flavor f = flavor::memb, int cpus = 1)
{
    machine_config c;
    c.cpus = cpus;
    c.rcu = f;
    c.irqs = irqs;
    return c;
}

/// A machine of one vCPU that runs what a test asks it to.
struct bench {
    test::on_vcpu cpu;
    machine m;
    explicit bench(int irqs, flavor f = flavor::memb) : m(config(irqs, f, cpu)) {}
    static machine_config config(int irqs, flavor f, test::on_vcpu& cpu)
    {
        machine_config c = config_with(irqs, f);
        c.custom_workload = cpu.workload();
        c.message = write_to_standard_error;
        return c;
    }
};

nmi_handler handled_and(std::function<void()> what)
{
    return make_nmi_handler([what = std::move(what)](const pt_regs&, int) noexcept {
        what();
        return irq_handled;
    });
}

flavor every_flavor()
{
    return GENERATE(from_range(all_flavors));
}

} // namespace

TEST_CASE("an IRQ runs its line's handler once, on its CPU, with interrupts disabled, and is counted")
{
    machine m(config_with(2, every_flavor(), 2));
    std::atomic<int> calls{0}, cpu_seen{-1}, level{-1};
    std::atomic<bool> right_context{false};
    const auto irq = request_irq(m, 1, make_nmi_handler([&](const pt_regs& regs, int cpu) noexcept {
                                     calls += instruction_pointer(regs) != 0 ? 1 : 100;
                                     cpu_seen = cpu;
                                     level = interrupt_context_level();
                                     right_context = in_irq() && !in_nmi() && !in_task() && irqs_disabled();
                                     return irq_handled;
                                 }),
                                 0, "disk");
    REQUIRE(irq);
    REQUIRE(raise_irq(m, 1, 1) == raise_result::sent);
    REQUIRE(m.drain(10 * second));
    CHECK(calls == 1);
    CHECK(cpu_seen == 1);
    CHECK(level == 2);
    CHECK(right_context);
    CHECK(irq_count(m, 1, 1) == 1);
    CHECK(irq_count(m, 1, 0) + irq_count(m, 0, 1) + irq_unhandled(m, 1, 1) == 0);
    CHECK_FALSE(in_irq());
    CHECK(in_task());
    const irq_cpu& books = *internals(m).area(1).irq;
    CHECK(books.checks[check::nesting].looked_at() == 1);
    CHECK(books.checks[check::nesting].failures() == 0);
}

TEST_CASE("an NMI interrupts an IRQ handler: in_nmi inside, in_irq before, inside and after")
{
    bench b(1, every_flavor());
    std::string log;
    std::ignore = b.m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        log += in_nmi() && in_irq() && !in_task() && interrupt_context_level() == 3 ? 'N' : '?';
        return 1;
    }));
    const auto irq = request_irq(b.m, 0, handled_and([&] {
                                     log += in_irq() && !in_nmi() ? '(' : '?';
                                     b.m.raise_nmi(0);
                                     log += in_irq() && !in_nmi() ? ')' : '?';
                                 }),
                                 0, "disk");
    b.cpu.run([&] { raise_irq(b.m, 0, 0); });
    CHECK(log == "(N)");
    CHECK(internals(b.m).area(0).checks[check::nesting].failures() == 0);
    CHECK(internals(b.m).area(0).irq->checks[check::nesting].failures() == 0);
}

TEST_CASE("an NMI that interrupts a task counts as an IRQ as well: in_nmi and in_irq inside")
{
    bench b(0, every_flavor());
    std::string log;
    std::ignore = b.m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        log += in_nmi() && in_irq() && !in_task() && interrupt_context_level() == 3 ? 'N' : '?';
        return 1;
    }));
    b.cpu.run([&] {
        log += in_task() ? '<' : '?';
        b.m.raise_nmi(0);
        log += in_task() && !in_irq() && !in_nmi() ? '>' : '?';
    });
    CHECK(log == "<N>");
}

TEST_CASE("an IRQ does not interrupt an NMI, nor another IRQ: it comes when they have ended")
{
    bench b(2, every_flavor());
    std::string log;
    std::ignore = b.m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        log += '[';
        raise_irq(b.m, 0, 1);
        log += ']';
        return 1;
    }));
    const auto first = request_irq(b.m, 0, handled_and([&] {
                                       log += '(';
                                       raise_irq(b.m, 0, 1);
                                       log += ')';
                                   }),
                                   0, "first");
    const auto second_line = request_irq(b.m, 1, handled_and([&] { log += 'i'; }), 0, "second");
    b.cpu.run([&] { b.m.raise_nmi(0); });
    CHECK(log == "[]i");
    log.clear();
    b.cpu.run([&] { raise_irq(b.m, 0, 0); });
    CHECK(log == "()i");
}

TEST_CASE(
    "an IRQ that is raised while interrupts are disabled is taken when they are enabled; an NMI is not kept")
{
    bench b(1, every_flavor());
    std::string log;
    std::ignore = b.m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        log += irqs_disabled() ? 'N' : '?';
        return 1;
    }));
    const auto irq = request_irq(b.m, 0, handled_and([&] { log += 'i'; }), 0, "disk");
    b.cpu.run([&] {
        log += irqs_disabled() ? '?' : '-';
        const unsigned long outer = local_irq_save();
        const unsigned long inner = local_irq_save();
        raise_irq(b.m, 0, 0);
        b.m.raise_nmi(0);
        local_irq_restore(inner);
        log += irqs_disabled() ? '1' : '?'; // the inner pair changes nothing
        log += raise_irq(b.m, 0, 0) == raise_result::coalesced ? 'c' : '?';
        local_irq_restore(outer);
        log += irqs_disabled() ? '?' : '2';
        local_irq_disable();
        raise_irq(b.m, 0, 0);
        log += '3';
        local_irq_enable();
        log += '4';
    });
    CHECK(log == "-N1ci23i4");
}

TEST_CASE("an IRQ raised while its line executes is latched once; further raises coalesce")
{
    machine m(config_with(1, every_flavor()));
    std::atomic<bool> inside{false}, leave{false};
    const auto irq = request_irq(m, 0, handled_and([&] {
                                     inside = true;
                                     while (!leave) {
                                     }
                                 }),
                                 0, "disk");
    REQUIRE(raise_irq(m, 0, 0) == raise_result::sent);
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(raise_irq(m, 0, 0) == raise_result::sent);
    CHECK(raise_irq(m, 0, 0) == raise_result::coalesced);
    CHECK(raise_irq(m, 0, 0) == raise_result::coalesced);
    leave = true;
    REQUIRE(m.drain(10 * second));
    CHECK(irq_count(m, 0, 0) == 2);
}

TEST_CASE("every handler of a shared line is called; the IRQ is unhandled if none of them wanted it")
{
    const auto child = in_child(20, [] {
        bench b(2);
        std::string log;
        int answer = irq_handled;
        const auto letter = [&](char c, int own) {
            return make_nmi_handler([&, c, own](const pt_regs&, int) noexcept {
                log += c;
                return own & answer;
            });
        };
        const auto a = request_irq(b.m, 0, letter('a', irq_handled), irqf_shared, "a");
        const auto c = request_irq(b.m, 0, letter('b', irq_none), irqf_shared, "b");
        const auto refused = request_irq(b.m, 0, letter('x', irq_handled), 0, "alone");
        const auto no_line = request_irq(b.m, 2, letter('x', irq_handled), 0, "none");
        log += !refused && refused.error() == EBUSY && no_line.error() == EINVAL ? "ok " : "? ";
        b.cpu.run([&] { raise_irq(b.m, 0, 0); });
        log += std::to_string(irq_unhandled(b.m, 0, 0));
        answer = irq_none;
        b.cpu.run([&] { raise_irq(b.m, 0, 0); });
        log += std::to_string(irq_unhandled(b.m, 0, 0));
        b.cpu.run([&] { raise_irq(b.m, 0, 1); }); // a line that nobody asked for
        log += std::to_string(irq_unhandled(b.m, 0, 1));
        return log;
    });
    CHECK(child.text == "ok ab0ab11");
}

TEST_CASE("a null handler is refused with EINVAL, on an empty line and on one with a handler")
{
    bench b(1);
    const auto refused = [&] {
        const auto null = request_irq(b.m, 0, nmi_handler(), irqf_shared, "null");
        return !null && null.error() == EINVAL;
    };
    CHECK(refused());
    std::string log;
    const auto irq = request_irq(b.m, 0, handled_and([&] { log += 'i'; }), irqf_shared, "disk");
    CHECK(refused());
    b.cpu.run([&] { raise_irq(b.m, 0, 0); });
    CHECK(log == "i");
}

TEST_CASE("free returns only after the handler that runs has ended, and nobody else's handler is touched")
{
    machine m(config_with(1, every_flavor()));
    std::atomic<bool> inside{false}, leave{false}, freed{false};
    std::atomic<int> others{0};
    auto slow = request_irq(m, 0, handled_and([&] {
                                inside = true;
                                while (!leave) {
                                }
                            }),
                            irqf_shared, "slow");
    const auto other = request_irq(m, 0, handled_and([&] { ++others; }), irqf_shared, "other");
    raise_irq(m, 0, 0);
    REQUIRE(eventually([&] { return inside.load(); }));
    sync_result result = sync_result::refused_in_interrupt;
    std::thread controller([&] {
        result = slow.free();
        freed = true;
    });
    REQUIRE(eventually([&] { return internals(m).all_waits_begun() != internals(m).all_waits_ended(); }));
    CHECK_FALSE(freed);
    leave = true;
    controller.join();
    CHECK(result == sync_result::done);
    inside = false;
    raise_irq(m, 0, 0);
    REQUIRE(m.drain(10 * second));
    CHECK_FALSE(inside);
    CHECK(others == 2);
    CHECK_FALSE(slow);
}

TEST_CASE("replace under fire: every IRQ runs one of the two handlers, once")
{
    machine m(config_with(1, every_flavor()));
    std::atomic<std::uint64_t> even{0}, odd{0}, raised{0};
    auto irq = request_irq(m, 0, handled_and([&] { ++even; }), 0, "even");
    std::atomic<bool> stop{false};
    std::thread source([&] {
        while (!stop)
            raised += raise_irq(m, 0, 0) == raise_result::sent ? 1 : 0;
    });
    const bool under_fire = eventually([&] { return raised > 0; });
    for (int i = 0; i < 200; ++i) {
        const nmi_handler old = irq.replace(handled_and([&, i] { ++(i % 2 == 0 ? odd : even); }));
        CHECK(old != nullptr);
    }
    stop = true;
    source.join();
    REQUIRE(m.drain(10 * second));
    CHECK(under_fire);
    CHECK(even + odd == raised);
    CHECK(irq_count(m, 0, 0) == raised);
    CHECK(irq_unhandled(m, 0, 0) == 0);
}

TEST_CASE("in an IRQ handler, waiting and enabling interrupts are refused, the latter with a message")
{
    const auto child = in_child(20, [] {
        int fds[2];
        if (pipe(fds) != 0)
            throw std::runtime_error("pipe");
        dup2(fds[1], STDERR_FILENO);
        bench b(1);
        std::string log;
        irq_registration irq;
        irq = request_irq(b.m, 0, handled_and([&] {
                              log += b.m.synchronize_rcu() == sync_result::refused_in_interrupt ? 's' : '?';
                              log += irq.free() == sync_result::refused_in_interrupt && irq ? 'f' : '?';
                              log += request_irq(b.m, 0, dummy_nmi_callback, 0, "no").error() == EDEADLK
                                         ? 'r'
                                         : '?';
                              local_irq_enable();
                              log += irqs_disabled() ? 'e' : '?';
                              if (irq_count(b.m, 0, 0) == 1) // it comes behind this one
                                  raise_irq(b.m, 0, 0);
                              log += '.';
                          }),
                          0, "disk");
        b.cpu.run([&] { raise_irq(b.m, 0, 0); });
        char text[4096];
        const ssize_t n = read(fds[0], text, sizeof text);
        return log + "\n" + std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, nmisim::test::Contains("sfre.sfre."));
    CHECK_THAT(child.text, nmisim::test::Contains("interrupt handler enabled interrupts on CPU 0: refused"));
}

TEST_CASE(
    "an IRQ for an offline vCPU is in the books as offline, and the vCPU comes back with interrupts enabled")
{
    machine m(config_with(1, every_flavor(), 2));
    const auto irq = request_irq(m, 0, handled_and([] {}), 0, "disk");
    m.cpu_down(1);
    CHECK(raise_irq(m, 1, 0) == raise_result::offline);
    m.cpu_up(1);
    CHECK(raise_irq(m, 1, 0) == raise_result::sent);
    REQUIRE(m.drain(10 * second));
    CHECK(irq_count(m, 1, 0) == 1);
    CHECK(internals(m).irq(1, 0).line.offline_at_raise == 1);
}

TEST_CASE("what is still pending when a vCPU leaves is in the books as offline")
{
    bench b(1);
    const auto irq = request_irq(b.m, 0, handled_and([] {}), 0, "disk");
    b.cpu.run([&] {
        local_irq_disable(); // and never enabled again
        raise_irq(b.m, 0, 0);
    });
    b.m.cpu_down(0);
    CHECK(irq_count(b.m, 0, 0) == 0);
    CHECK(internals(b.m).irq(0, 0).offline_seen.read() == 1);
    CHECK(internals(b.m).irq(0, 0).line.drained());
}

TEST_CASE("without IRQ lines the interrupt flag does nothing, and too many lines are refused")
{
    bench b(0);
    bool disabled = true;
    b.cpu.run([&] {
        local_irq_disable();
        disabled = irqs_disabled();
        local_irq_enable();
    });
    CHECK_FALSE(disabled);
    machine_config c = config_with(64);
    c.signal_offset = 5;
    CHECK_THROWS_WITH(machine(c), nmisim::test::Contains("for the IRQ"));
    c.irqs = -1;
    CHECK_THROWS_AS(machine(c), std::invalid_argument);
}
