// SPDX-License-Identifier: MIT
//
// The correct code, where a mistake would be a use after free: handlers that take 100 us, swapped back to back,
// reclaimed by call_rcu, on vCPUs that go offline and come back; and NMIs on a thread that RCU does not know.
#include "machine/machine_state.hpp"
#include "rcu/nmi.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "verify/run.hpp"

#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::looked_run;

namespace {

/// "pass", or the checks that did not.
std::string in_words(const run_report& r)
{
    std::string text;
    for (const check_report& c : r.checks)
        if (c.status != check_status::pass)
            text += fmt::format("{} {}: {}\n", name_of(c.id), name_of(c.status), c.first);
    return text.empty() ? "pass" : text;
}

} // namespace

TEST_CASE("handlers of 100 us, swapped back to back at the highest rate, are never used after they were "
          "freed, with each "
          "flavor and way to reclaim, on vCPUs that stay and that come and go")
{
    run_config c;
    c.machine.cpus = 2;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.reclaim = GENERATE(from_range(all_reclaims));
    c.onoff = GENERATE(false, true);
    c.hold_ns = 100'000;
    c.inject.rate_max = true;
    c.swap_interval_ns = 0;
    c.onoff_interval_ns = 0;
    c.duration_ns = 400'000'000;
    CAPTURE(name_of(c.machine.rcu), name_of(c.reclaim), c.onoff);
    const auto child = in_child(60, [&] {
        const run_report r = looked_run(c, [&](const run_report& done) {
            return done.total.handled > 100 && done.swaps > 10 && (!c.onoff || done.onlined > 1);
        });
        return in_words(r);
    });
    CHECK(child.exited);
    CHECK(child.text == "pass");
}

TEST_CASE("task-level readers look at the handlers that they read, where no NMI does it for them, on a chain "
          "as well")
{
    run_config c;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.workload = workload::read;
    c.chain = GENERATE(0, 2);
    c.inject.rate_hz = 0;
    c.swap_interval_ns = 1'000'000;
    c.duration_ns = 100'000'000;
    CAPTURE(name_of(c.machine.rcu), c.chain);
    const auto child = in_child(60, [&] {
        const auto looked = [](const run_report& r, check which) {
            return name_of(r.checks[static_cast<std::size_t>(which)].status);
        };
        const run_report r = looked_run(c, [](const run_report& done) { return done.total.work > 10; });
        return fmt::format("{} NMIs, grace-period {}, publish-order {}", r.total.handled,
                           looked(r, check::grace_period), looked(r, check::publish_order));
    });
    CHECK(child.exited);
    CHECK(child.text == "0 NMIs, grace-period pass, publish-order pass");
}

namespace {

/// Raises an NMI on each vCPU as soon as it takes some, and once more before it leaves; each is taken there and then.
class at_both_ends final : public cpu_source {
public:
    explicit at_both_ends(machine& m) : machine_(m)
    {
        const std::lock_guard guard(internals(m).sources_lock);
        internals(m).sources.push_back(this);
    }
    ~at_both_ends() override
    {
        const std::lock_guard guard(internals(machine_).sources_lock);
        std::erase(internals(machine_).sources, this);
    }
    void cpu_online(percpu& cpu) noexcept override { machine_.raise_nmi(cpu.cpunumber); }
    void cpu_leaving(percpu& cpu) noexcept override { machine_.raise_nmi(cpu.cpunumber); }

private:
    machine& machine_;
};

} // namespace

TEST_CASE("the first and the last NMI of a vCPU's thread find it registered with RCU, however soon and late "
          "they come")
{
    const auto child = in_child(60, [] {
        machine_config c;
        c.rcu = flavor::nmi; // whose readers say whether they are registered
        machine m(c);
        std::atomic<std::uint64_t> unregistered{0}, nmis{0};
        std::ignore = m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
            ++nmis;
            unregistered += rcu::this_reader == &rcu::unregistered_reader ? 1 : 0;
            return 1;
        }));
        std::atomic<bool> stop{false};
        std::thread storm([&] {
            while (!stop)
                m.raise_nmi(0);
        });
        std::uint64_t at_an_end = 0;
        {
            const at_both_ends source(m);
            // A life passes without one where the storm lost its CPU between a raise and its signal: the latch is closed.
            for (int i = 0; at_an_end < 200 && i < 4000; ++i) {
                const std::uint64_t before = nmis;
                m.cpu_down(0);
                m.cpu_up(0);
                at_an_end += nmis > before ? 1 : 0;
            }
            stop = true;
            storm.join();
            m.cpu_down(0);
        }
        return fmt::format("{} lives with NMIs, {} NMIs not known to RCU", at_an_end, unregistered.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "200 lives with NMIs, 0 NMIs not known to RCU");
}

namespace {

enum class published_by : std::uint8_t { nmi_chain, exchange, irq };

/// A vCPU stays in its NMI's handler, or in that of IRQ line 0, until it is let go.
struct held {
    std::atomic<bool> inside{false}, leave{false};
    nmi_callback other{[](nmi_callback&, const pt_regs&, int) noexcept { return 0; }};
    machine m;
    nmi_registration chained;
    irq_registration on_line;
    held(flavor f, published_by how) : m(config(f))
    {
        const auto stay = [this](const pt_regs&, int) noexcept {
            for (inside = true; !leave;) {
            }
            return 1;
        };
        if (how == published_by::exchange)
            std::ignore = m.exchange(make_nmi_handler(stay));
        else
            chained = register_nmi_handler(m, nmi_type::local, stay, 0, "stays");
        on_line = request_irq(m, 0, make_nmi_handler(stay), irqf_shared, "stays");
    }
    static machine_config config(flavor f)
    {
        machine_config c;
        c.rcu = f;
        c.irqs = 1;
        return c;
    }
};

struct change {
    const char* name;
    published_by how;
    void (*make)(held&);
};
const change all_changes[]{
    {"register_nmi_handler", published_by::nmi_chain,
     [](held& h) { static_cast<void>(register_nmi_handler(h.m, nmi_type::unknown, h.other, 0, "new")); }},
    {"replace of a chained handler", published_by::nmi_chain,
     [](held& h) { h.chained.replace(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; })); }},
    {"unregister", published_by::nmi_chain, [](held& h) { static_cast<void>(h.chained.unregister()); }},
    {"the end of a chained handler's registration", published_by::nmi_chain,
     [](held& h) { h.chained = nmi_registration(); }},
    {"exchange", published_by::exchange, [](held& h) { std::ignore = h.m.exchange(nullptr); }},
    {"request_irq", published_by::irq,
     [](held& h) { static_cast<void>(request_irq(h.m, 0, h.other, irqf_shared, "new")); }},
    {"replace of an IRQ handler", published_by::irq,
     [](held& h) { h.on_line.replace(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; })); }},
    {"free", published_by::irq, [](held& h) { static_cast<void>(h.on_line.free()); }},
    {"the end of an IRQ handler's registration", published_by::irq,
     [](held& h) { h.on_line = irq_registration(); }}};

} // namespace

TEST_CASE("whatever changes a chain or a line waits for the handler that runs from the one before, with each "
          "flavor")
{
    const change& c = all_changes[GENERATE(range(std::size_t{0}, std::size(all_changes)))];
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(c.name, name_of(f));
    const auto child = in_child(60, [&] {
        held h(f, c.how);
        std::atomic<bool> done{false};
        if (c.how == published_by::irq)
            raise_irq(h.m, 0, 0);
        else
            h.m.raise_nmi(0);
        std::string text = eventually([&] { return h.inside.load(); }) ? "inside, " : "no handler, ";
        std::thread controller([&] {
            c.make(h);
            done = true;
        });
        const auto waits = [&] {
            return internals(h.m).all_waits_begun() != internals(h.m).all_waits_ended();
        };
        text += eventually([&] { return waits() || done; }) && !done ? "waits, " : "does not wait, ";
        h.leave = true;
        controller.join();
        return text + (waits() ? "waits still" : "done");
    });
    CHECK(child.exited);
    CHECK(child.text == "inside, waits, done");
}
