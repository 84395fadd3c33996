// SPDX-License-Identifier: MIT
//
// exchange() with a deadline, every flavor: it comes back in time, the new handler is published, and the old one is destroyed
// once, behind its grace period; also when the machine ends first.
#include "machine/machine_state.hpp"
#include "nmisim/nmi_chain.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <sched.h>
#include <string>
#include <thread>
#include <tuple>

using namespace nmisim;
using namespace std::chrono_literals;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

/// What became of a handler that stays in its NMI until `open`.
struct gate {
    std::atomic<bool> inside{false}, open{false};
    std::atomic<int> destroyed{0};
    std::atomic<int> destroyed_inside{0}; ///< as it was seen in the NMI, at its end
};

nmi_handler held_by(gate& g)
{
    const std::shared_ptr<gate> alive(&g, [](gate* of) { ++of->destroyed; });
    return make_nmi_handler([alive](const pt_regs&, int) noexcept {
        alive->inside = true;
        while (!alive->open)
            sched_yield();
        alive->destroyed_inside += alive->destroyed;
        return 1;
    });
}

nmi_handler counting(std::atomic<int>& runs)
{
    return make_nmi_handler([&runs](const pt_regs&, int) noexcept { return ++runs, 1; });
}

std::string in_words(const exchange_result& r)
{
    return std::to_string(static_cast<int>(r.status)) + (r.old == nullptr ? " nothing" : " a handler");
}
const std::string out_of_time = std::to_string(static_cast<int>(sync_result::timed_out)) + " nothing";
const std::string in_time = std::to_string(static_cast<int>(sync_result::done)) + " a handler";

/// One NMI stands in the handler of `g`.
bool stands_in(machine& m, gate& g)
{
    return m.exchange(held_by(g)).status == sync_result::done && m.raise_nmi(0) == raise_result::sent &&
           eventually([&] { return g.inside.load(); });
}

flavor every_flavor()
{
    return GENERATE(from_range(all_flavors));
}

} // namespace

TEST_CASE("an exchange that runs out of time publishes, and the old handler is destroyed once, later")
{
    const flavor f = every_flavor();
    const auto child = in_child(60, [=] {
        gate g;
        std::atomic<int> runs{0};
        std::string text;
        {
            machine m({.cpus = 2, .rcu = f});
            if (!stands_in(m, g))
                return std::string("not inside");
            text += in_words(m.exchange(counting(runs), 20ms));
            if (m.raise_nmi(1) != raise_result::sent || !eventually([&] { return runs == 1; }))
                text += ", not published";
            text += ", " + std::to_string(g.destroyed) + " destroyed";
            text += ", again " + in_words(m.exchange(nullptr, 0ms));
            g.open = true;
            if (!eventually([&] { return g.destroyed != 0; }))
                text += ", not destroyed";
            text += ", then " + in_words(m.exchange(counting(runs), 60s));
        }
        return text + ", " + std::to_string(g.destroyed) + " in the end, " +
               std::to_string(g.destroyed_inside) + " inside";
    });
    CHECK(child.exited);
    CHECK(child.text == out_of_time + ", 0 destroyed, again " + out_of_time + ", then " +
                            std::to_string(static_cast<int>(sync_result::done)) +
                            " nothing, 1 in the end, 0 inside");
}

TEST_CASE("an exchange that ends in time hands the old handler out")
{
    const flavor f = every_flavor();
    const auto child = in_child(60, [=] {
        std::atomic<int> runs{0};
        gate g;
        g.open = true;
        machine m({.cpus = 1, .rcu = f});
        if (!stands_in(m, g))
            return std::string("not run");
        exchange_result r = m.exchange(counting(runs), 50s);
        std::string text = in_words(r) + ", " + std::to_string(g.destroyed) + " destroyed";
        r.old.reset();
        return text + ", " + std::to_string(g.destroyed) + " when it is let go";
    });
    CHECK(child.exited);
    CHECK(child.text == in_time + ", 0 destroyed, 1 when it is let go");
}

TEST_CASE(
    "a machine that ends destroys what is left of exchanges that ran out of time, behind its grace period")
{
    const flavor f = every_flavor();
    const bool of_static_storage = GENERATE(false, true); // its state is never freed
    const auto child = in_child(60, [=] {
        gate g, second;
        std::atomic<int> runs{0};
        static std::optional<machine> lasting;
        std::optional<machine> local;
        std::optional<machine>& m = of_static_storage ? lasting : local;
        m.emplace(machine_config{.cpus = 1, .rcu = f});
        if (!stands_in(*m, g))
            return std::string("not inside");
        std::string text = in_words(m->exchange(held_by(second), 5ms));
        text += ", " + in_words(m->exchange(counting(runs), 5ms)); // waits for the next grace period
        std::thread opener([&g, &ending = *m] {
            while (ending.cpu_online(0)) // until ~machine() has begun, which waits for the handler
                sched_yield();
            g.open = true;
        });
        m.reset();
        opener.join();
        return text + ", " + std::to_string(g.destroyed) + " and " + std::to_string(second.destroyed) +
               " destroyed, " + std::to_string(g.destroyed_inside) + " inside";
    });
    CHECK(child.exited);
    CHECK(child.text == out_of_time + ", " + out_of_time + ", 1 and 1 destroyed, 0 inside");
}

TEST_CASE("a vCPU that waits with a deadline does not hold up its own grace period")
{
    const flavor f = every_flavor();
    const auto child = in_child(30, [=] {
        static std::atomic<machine*> the_machine{nullptr};
        static std::atomic<int> runs, status;
        runs = 0;
        status = -1;
        machine_config config{.cpus = 1, .rcu = f};
        config.custom_workload = [](vcpu&) {
            if (the_machine != nullptr && status == -1)
                status = static_cast<int>(the_machine.load()->exchange(counting(runs), 25s).status);
            sched_yield();
        };
        machine m(config);
        the_machine = &m;
        while (status == -1)
            sched_yield();
        return std::to_string(status);
    });
    CHECK(child.exited);
    CHECK(child.text == std::to_string(static_cast<int>(sync_result::done)));
}

TEST_CASE("in NMI context an exchange with a deadline is refused and publishes nothing")
{
    const flavor f = every_flavor();
    const auto child = in_child(60, [=] {
        static machine* the_machine;
        static std::atomic<int> answer, others;
        static nmi_callback* prepared;
        answer = -1;
        others = 0;
        nmi_handler fresh = counting(others);
        prepared = fresh.release();
        machine m({.cpus = 1, .rcu = f});
        the_machine = &m;
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            exchange_result r = the_machine->exchange(nmi_handler(prepared), 10s);
            answer = static_cast<int>(r.status) + (r.old.release() == prepared ? 0 : 100);
            return 1;
        }));
        if (m.raise_nmi(0) != raise_result::sent || !m.drain(30 * nsec_per_sec))
            return std::string("not run");
        nmi_handler(prepared).reset();
        return std::to_string(answer) + ", " + std::to_string(others);
    });
    CHECK(child.exited);
    CHECK(child.text == std::to_string(static_cast<int>(sync_result::refused_in_interrupt)) + ", 0");
}

TEST_CASE("a table of chains that nobody is on is not handed out by an exchange with a deadline either")
{
    const auto child = in_child(60, [] {
        std::atomic<int> runs{0};
        machine m(machine_config{});
        auto r = register_nmi_handler(
            m, nmi_type::local, [&](const pt_regs&, int) noexcept { return ++runs, 1; }, 0, "one");
        r.unregister();
        return in_words(m.exchange(counting(runs), 50s));
    });
    CHECK(child.exited);
    CHECK(child.text == std::to_string(static_cast<int>(sync_result::done)) + " nothing");
}
