// SPDX-License-Identifier: MIT
//
// The machine and do_nmi, one rule of the documents at a time, with every flavor.
#include "base/message_line.hpp"
#include "machine/machine_state.hpp"
#include "nmi/default_do_nmi.hpp"
#include "nmisim/machine.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/text_matcher.hpp"

#include <atomic>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

machine_config config_with(flavor f, int cpus = 1)
{
    machine_config c;
    c.cpus = cpus;
    c.rcu = f;
    return c;
}

flavor every_flavor()
{
    return GENERATE(from_range(all_flavors));
}

} // namespace

TEST_CASE("a handled NMI runs the published callback once, on its CPU, and is counted")
{
    const flavor f = every_flavor();
    CAPTURE(name_of(f));
    machine m(config_with(f, 2));
    std::atomic<int> calls{0}, cpu_seen{-1}, processor_id{-1};
    std::atomic<bool> in_nmi_inside{false};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs& regs, int cpu) noexcept {
        calls.fetch_add(
            regs.uc != nullptr && instruction_pointer(regs) != 0 && user_stack_pointer(regs) != 0 ? 1 : 100);
        cpu_seen.store(cpu);
        processor_id.store(smp_processor_id());
        in_nmi_inside.store(in_nmi());
        return 1;
    }));
    REQUIRE(m.raise_nmi(1) == raise_result::sent);
    REQUIRE(m.drain(10 * second));
    CHECK(calls == 1);
    CHECK(cpu_seen == 1);
    CHECK(processor_id == 1);
    CHECK(in_nmi_inside);
    CHECK(m.nmi_count(1) == 1);
    CHECK(m.nmi_count(0) == 0);
    CHECK_FALSE(in_nmi());
    CHECK(smp_processor_id() == -1);
}

TEST_CASE("set, unset, synchronize and free: the recipe of the documents")
{
    machine m(config_with(every_flavor()));
    struct handler : nmi_callback {
        std::atomic<int> calls{0};
    };
    auto* data = new handler{{[](nmi_callback& self, const pt_regs&, int) noexcept {
        static_cast<handler&>(self).calls.fetch_add(1);
        return 1;
    }}};
    m.set_nmi_callback(*data);
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(data->calls == 1);

    m.unset_nmi_callback();
    CHECK(m.synchronize_rcu() == sync_result::done);
    delete data;

    m.set_reason(nmi_reason_iochk); // a reason, so that nothing is unknown
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(m.nmi_count(0) == 2);
}

TEST_CASE("exchange returns the old handler only after the NMI that uses it has ended")
{
    machine m(config_with(every_flavor()));
    struct state {
        std::atomic<bool> inside{false}, leave{false}, left{false}, destroyed_early{false};
    } s;
    struct witness {
        state* s;
        explicit witness(state* st) : s(st) {}
        witness(witness&& other) noexcept : s(std::exchange(other.s, nullptr)) {}
        ~witness()
        {
            if (s != nullptr && !s->left)
                s->destroyed_early = true;
        }
        int operator()(const pt_regs&, int) noexcept
        {
            s->inside = true;
            while (!s->leave) {
            }
            s->left = true;
            return 1;
        }
    };
    std::ignore = m.exchange(make_nmi_handler(witness(&s)));
    m.raise_nmi(0);
    REQUIRE(eventually([&] { return s.inside.load(); }));
    std::atomic<bool> exchanged{false};
    std::thread controller([&] {
        std::ignore = m.exchange(
            make_nmi_handler([](const pt_regs&, int) noexcept { return 1; })); // the old one dies here
        exchanged = true;
    });
    REQUIRE(eventually([&] { return internals(m).all_waits_begun() > internals(m).all_waits_ended(); }));
    CHECK_FALSE(exchanged);
    s.leave = true;
    controller.join();
    CHECK(exchanged);
    CHECK_FALSE(s.destroyed_early);
}

TEST_CASE("the default action runs exactly when the callback returned 0")
{
    machine m(config_with(every_flavor()));
    std::atomic<int> answer{1};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept { return answer.load(); }));
    m.set_reason(nmi_reason_serr);
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    percpu& area = internals(m).area(0);
    CHECK(area.external.read() == 0);
    answer = 0;
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(area.external.read() == 1);
    CHECK(internals(m).domain.reason == 0); // the bit is cleared, as the line is
    CHECK(area.checks[check::exactly_once].looked_at() == 2);
    CHECK(area.checks[check::exactly_once].failures() == 0);
}

TEST_CASE("SERR wins over IOCHK, and an NMI without a reason is unknown")
{
    machine m(config_with(flavor::memb)); // the dummy callback returns 0
    percpu& area = internals(m).area(0);
    m.set_reason(nmi_reason_serr | nmi_reason_iochk);
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(internals(m).domain.reason == nmi_reason_iochk);
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(internals(m).domain.reason == 0);
    CHECK(area.external.read() == 2);
    CHECK(area.unknown.read() == 0);
}

TEST_CASE("a hundred unknown NMIs are counted each and reported once")
{
    const auto child = in_child(20, [] {
        int fds[2];
        if (pipe(fds) != 0)
            throw std::runtime_error("pipe");
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        dup2(fds[1], STDERR_FILENO);
        machine_config c = config_with(flavor::memb);
        c.message = write_to_standard_error;
        machine m(c);
        for (int i = 0; i < 100; ++i) {
            m.raise_nmi(0);
            if (!m.drain(second))
                throw std::runtime_error("drain");
        }
        char text[4096];
        const ssize_t n = read(fds[0], text, sizeof text);
        return std::to_string(internals(m).area(0).unknown.read()) + " " +
               std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    });
    CHECK(child.code == 0);
    CHECK(child.text == "100 nmi-sim: Uhhuh. NMI received for unknown reason 00 on CPU 0.\n");
}

TEST_CASE("panic_on_unknown_nmi panics on an unknown NMI and not on a handled one")
{
    machine_config c = config_with(flavor::memb);
    c.panic_on_unknown_nmi = true;
    machine m(c);
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK_FALSE(internals(m).domain.panicked);
    std::ignore = m.exchange(nullptr);
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(internals(m).domain.panicked);
}

TEST_CASE("both forms of the per-CPU count lead to the same counts")
{
    const percpu_form form = GENERATE(from_range(all_percpu_forms));
    machine_config c = config_with(every_flavor(), 3);
    c.percpu = form;
    machine m(c);
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    for (int cpu = 0; cpu < 3; ++cpu)
        for (int i = 0; i <= cpu * 5; ++i) {
            m.raise_nmi(cpu);
            REQUIRE(m.drain(10 * second));
        }
    CHECK(m.nmi_count(0) == 1);
    CHECK(m.nmi_count(1) == 6);
    CHECK(m.nmi_count(2) == 11);
    const percpu& area = internals(m).area(2);
    CHECK(area.count->nmis() == (form == percpu_form::pda ? 11u : 0u));
}

TEST_CASE("a count that is full is carried, and is no NMI short")
{
    machine m(config_with(every_flavor()));
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    constexpr std::uint64_t most = (carry_is_odd - one_nmi) / one_nmi; // what the word can hold
    internals(m).area(0).count->add(most * one_nmi);                   // at rest
    CHECK(m.nmi_count(0) == most);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        m.raise_nmi(0);
        REQUIRE(m.drain(10 * second));
        CHECK(m.nmi_count(0) == most + i);
    }
    internals(m).area(0).count->add(most / 2 * one_nmi); // once more: the number of carries is even then
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(m.nmi_count(0) == most + most / 2 + 4);
    m.all_cpus_down();
    CHECK(internals(m).area(0).count->preempt_count() == 0);
}

TEST_CASE("a vCPU that goes and comes back counts on from where it was, and another machine from 0")
{
    const machine_config c = config_with(every_flavor(), 2);
    {
        machine m(c);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
        for (std::uint64_t life = 1; life <= 3; ++life) {
            m.raise_nmi(1);
            REQUIRE(m.drain(10 * second));
            m.cpu_down(1);
            m.cpu_down(0); // neither may come back with the other's count
            CHECK(m.nmi_count(1) == life);
            CHECK(m.nmi_count(0) == 0);
            m.cpu_up(0);
            m.cpu_up(1);
            CHECK(m.nmi_count(1) == life);
        }
    }
    const machine other(c); // its vCPUs count where those did
    CHECK(other.nmi_count(0) == 0);
    CHECK(other.nmi_count(1) == 0);
}

TEST_CASE("an NMI raised while one executes is latched once; further raises coalesce")
{
    machine m(config_with(every_flavor()));
    std::atomic<bool> inside{false}, leave{false};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        inside = true;
        while (!leave) {
        }
        return 1;
    }));
    REQUIRE(m.raise_nmi(0) == raise_result::sent);
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(m.raise_nmi(0) == raise_result::sent); // the one pending
    CHECK(m.raise_nmi(0) == raise_result::coalesced);
    CHECK(m.raise_nmi(0) == raise_result::coalesced);
    leave = true;
    REQUIRE(m.drain(10 * second));
    CHECK(m.nmi_count(0) == 2);
}

TEST_CASE("with queue delivery each raise is an NMI of its own, up to the bound")
{
    machine_config c = config_with(every_flavor());
    c.delivery = delivery::queue;
    c.max_in_flight = 3;
    machine m(c);
    std::atomic<bool> inside{false}, leave{false};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        inside = true;
        while (!leave) {
        }
        return 1;
    }));
    REQUIRE(m.raise_nmi(0) == raise_result::sent);
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(m.raise_nmi(0) == raise_result::sent);
    CHECK(m.raise_nmi(0) == raise_result::sent);
    CHECK(m.raise_nmi(0) == raise_result::full);
    leave = true;
    REQUIRE(m.drain(10 * second));
    CHECK(m.nmi_count(0) == 3);
    CHECK(internals(m).area(0).line.raised() == 3);
}

TEST_CASE("a raise on an offline vCPU is in the books as offline, and the vCPU comes back")
{
    machine m(config_with(every_flavor(), 2));
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    m.cpu_down(1);
    CHECK_FALSE(m.cpu_online(1));
    CHECK(m.raise_nmi(1) == raise_result::offline);
    CHECK(m.raise_nmi(0) == raise_result::sent);
    m.cpu_up(1);
    CHECK(m.cpu_online(1));
    CHECK(m.raise_nmi(1) == raise_result::sent);
    REQUIRE(m.drain(10 * second));
    CHECK(m.nmi_count(1) == 1);
    CHECK(internals(m).area(1).line.offline_at_raise == 1);
}

TEST_CASE("do_nmi on an offline CPU returns uncounted and runs no callback")
{
    machine m(config_with(every_flavor()));
    std::atomic<int> calls{0};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
        ++calls;
        return 1;
    }));
    internals(m).area(0).count->set_offline(true); // as between leaving and the blocked signal
    m.raise_nmi(0);
    REQUIRE(m.drain(10 * second));
    CHECK(calls == 0);
    CHECK(m.nmi_count(0) == 0);
    CHECK(internals(m).area(0).offline_seen.read() == 1);
    internals(m).area(0).count->set_offline(false);
}

TEST_CASE("waiting for a grace period in NMI context is refused, never a deadlock")
{
    const auto child = in_child(20, [] {
        machine m(config_with(flavor::memb));
        std::atomic<int> refused{0};
        static nmi_handler spare; // made in control context, handed in and got back in NMI context
        spare = make_nmi_handler([](const pt_regs&, int) noexcept { return 1; });
        std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
            if (m.synchronize_rcu() == sync_result::refused_in_interrupt)
                ++refused;
            exchange_result result = m.exchange(std::move(spare));
            spare = std::move(result.old);
            if (result.status == sync_result::refused_in_interrupt && spare != nullptr)
                ++refused;
            return 1;
        }));
        m.raise_nmi(0);
        if (!m.drain(5 * second))
            return std::string("stuck");
        return std::to_string(refused.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "2");
}

TEST_CASE("a signal that no machine raised is a stray: ignored and counted")
{
    machine m(config_with(flavor::memb));
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    pthread_kill(internals(m).area(0).line.target, internals(m).nmi_signal.number()); // si_code SI_TKILL
    REQUIRE(eventually([&] { return internals(m).domain.strays == 1; }));
    CHECK(m.nmi_count(0) == 0);
}

TEST_CASE("a late signal after the machine has gone does not end the process")
{
    const auto child = in_child(20, [] {
        int signo = 0;
        {
            machine m(config_with(flavor::memb));
            signo = internals(m).nmi_signal.number();
        }
        raise(signo);
        return std::string("alive");
    });
    CHECK(child.text == "alive");
}

TEST_CASE("a configuration that contradicts itself is refused with a reason")
{
    machine_config none;
    none.cpus = 0;
    CHECK_THROWS_AS(machine(none), std::invalid_argument);
    machine_config no_signal;
    no_signal.signal_offset = 40;
    CHECK_THROWS_WITH(machine(no_signal), nmisim::test::Contains("SIGRTMIN+"));
    machine_config no_room;
    no_room.delivery = delivery::queue;
    no_room.max_in_flight = 0;
    CHECK_THROWS_AS(machine(no_room), std::invalid_argument);
}

TEST_CASE("two machines of a process cannot share a signal, and can use two")
{
    machine first(config_with(flavor::memb));
    CHECK_THROWS_AS(machine(config_with(flavor::mb)), std::system_error);
    machine_config other = config_with(flavor::mb);
    other.signal_offset = 5;
    machine second_machine(other);
    std::ignore = second_machine.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    second_machine.raise_nmi(0);
    REQUIRE(second_machine.drain(10 * second));
    CHECK(second_machine.nmi_count(0) == 1);
    CHECK(first.nmi_count(0) == 0);
}
