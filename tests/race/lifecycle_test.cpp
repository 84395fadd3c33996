// SPDX-License-Identifier: MIT
//
// Races on purpose: vCPUs come and go, raisers compete and handlers are exchanged while NMIs arrive.
#include "machine/machine_state.hpp"
#include "nmisim/machine.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <tuple>
#include <vector>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

/// raised - (handled + coalesced + rejected + offline) of a vCPU that has been drained.
std::int64_t unbooked(machine& m, int cpu)
{
    const percpu& area = internals(m).area(cpu);
    return static_cast<std::int64_t>(area.line.raised()) -
           static_cast<std::int64_t>(nmi_count_of(area) + area.line.coalesced + area.line.rejected +
                                     area.line.offline_at_raise + area.offline_seen.read());
}

} // namespace

TEST_CASE("vCPUs go offline and online under NMIs and nothing is lost")
{
    machine_config c;
    c.cpus = 2;
    c.rcu = GENERATE(from_range(all_flavors));
    c.delivery = GENERATE(from_range(all_deliveries));
    CAPTURE(name_of(c.rcu), name_of(c.delivery));
    machine m(c);
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    std::atomic<bool> stop{false};
    std::thread raiser([&] {
        while (!stop)
            for (int cpu = 0; cpu < 2; ++cpu)
                m.raise_nmi(cpu);
    });
    for (int i = 0; i < 20; ++i) {
        m.cpu_down(i % 2);
        m.cpu_up(i % 2);
        if (i % 4 == 0)
            std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    }
    stop = true;
    raiser.join();
    REQUIRE(m.drain(10 * second));
    CHECK(unbooked(m, 0) == 0);
    CHECK(unbooked(m, 1) == 0);
    CHECK(m.nmi_count(0) + m.nmi_count(1) > 0);
}

TEST_CASE("several raisers on one vCPU keep the books balanced")
{
    machine_config c;
    c.delivery = GENERATE(from_range(all_deliveries));
    c.max_in_flight = 4;
    machine m(c);
    std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    std::vector<std::thread> raisers;
    for (int i = 0; i < 4; ++i)
        raisers.emplace_back([&] {
            for (int n = 0; n < 5000; ++n)
                m.raise_nmi(0);
        });
    for (auto& r : raisers)
        r.join();
    REQUIRE(m.drain(10 * second));
    CHECK(unbooked(m, 0) == 0);
    CHECK(internals(m).area(0).line.in_flight() == 0);
}

TEST_CASE("a raise that the kernel's full queue refuses leaves the line open: the next one is handled")
{
    const delivery how = GENERATE(from_range(all_deliveries));
    CAPTURE(name_of(how));
    const auto child = in_child(60, [=] {
        machine_config c;
        c.delivery = how;
        c.irqs = 1;
        machine m(c);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
        rlimit before{};
        getrlimit(RLIMIT_SIGPENDING, &before);
        std::string text;
        for (std::uint64_t n = 1; n <= 3; ++n) {
            const rlimit none{0, before.rlim_max};
            setrlimit(RLIMIT_SIGPENDING, &none);
            const bool refused =
                m.raise_nmi(0) == raise_result::rejected && raise_irq(m, 0, 0) == raise_result::rejected;
            setrlimit(RLIMIT_SIGPENDING, &before);
            const bool sent =
                m.raise_nmi(0) == raise_result::sent && raise_irq(m, 0, 0) == raise_result::sent;
            if (!refused || !sent || !m.drain(10 * second))
                return std::string(refused ? "deaf" : "not refused");
            const irq_line& irq = internals(m).irq(0, 0);
            text += std::to_string(m.nmi_count(0)) + " of " + std::to_string(irq.count.read()) + "; ";
        }
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == "1 of 1; 2 of 2; 3 of 3; ");
}

TEST_CASE("a handler may raise an NMI on another vCPU and on its own")
{
    machine_config c;
    c.cpus = 2;
    c.rcu = GENERATE(from_range(all_flavors));
    machine m(c);
    // Few: where both vCPUs share a busy Linux CPU, each hop may take as long as a time slice.
    constexpr int most_hops = 60;
    std::atomic<int> hops{0};
    std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int cpu) noexcept {
        if (hops.fetch_add(1) < most_hops)
            m.raise_nmi(hops % 3 == 0 ? cpu : 1 - cpu);
        return 1;
    }));
    m.raise_nmi(0);
    std::atomic<int> seen{0}; // as long as it gets on it is only slow
    while (hops <= most_hops && test::eventually([&] { return hops > seen; }))
        seen = hops.load();
    REQUIRE(hops == most_hops + 1);
    REQUIRE(m.drain(10 * second));
    CHECK(unbooked(m, 0) == 0);
    CHECK(unbooked(m, 1) == 0);
}

TEST_CASE("every NMI runs exactly one generation while two controllers exchange handlers")
{
    machine_config c;
    c.rcu = GENERATE(from_range(all_flavors));
    CAPTURE(name_of(c.rcu));
    machine m(c);
    std::atomic<std::uint64_t> runs{0};
    struct counting {
        std::atomic<std::uint64_t>* runs;
        int operator()(const pt_regs&, int) noexcept
        {
            runs->fetch_add(1);
            return 1;
        }
    };
    std::ignore = m.exchange(make_nmi_handler(counting{&runs}));
    std::atomic<bool> stop{false};
    std::vector<std::thread> controllers;
    for (int i = 0; i < 2; ++i)
        controllers.emplace_back([&] {
            while (!stop)
                std::ignore = m.exchange(make_nmi_handler(counting{&runs}));
        });
    for (int n = 0; n < 3000; ++n) {
        m.raise_nmi(0);
        std::this_thread::yield();
    }
    REQUIRE(m.drain(10 * second));
    stop = true;
    for (auto& t : controllers)
        t.join();
    CHECK(runs == m.nmi_count(0));
    CHECK(runs > 0);
}
