// SPDX-License-Identifier: MIT
//
// Control threads against each other and against vCPUs, while NMIs never pause.
#include "nmisim/irq.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/nmi_chain.hpp"

#include "machine/machine_state.hpp"
#include "nmi/line.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

auto handled = [](const pt_regs&, int) noexcept { return 1; };

} // namespace

TEST_CASE("a vCPU's workload and a thread may exchange and register at the same time, with each flavor")
{
    const flavor f = GENERATE(from_range(all_flavors));
    const auto child = in_child(60, [=] {
        std::atomic<int> rounds{0};
        machine_config c;
        c.rcu = f;
        machine* the_machine = nullptr;
        std::atomic<bool> begin{false};
        c.custom_workload = [&](vcpu& self) {
            if (begin.load()) {
                static_cast<void>(the_machine->exchange(make_nmi_handler(handled)));
                ++rounds;
            }
            self.quiescent_state();
        };
        machine m(c);
        the_machine = &m;
        begin = true;
        // With qsbr each one's grace period is for the other one too, which may be waiting to publish.
        const bool met = eventually([&] {
            static_cast<void>(m.exchange(make_nmi_handler(handled)));
            return rounds.load() >= 1000;
        });
        return std::string(met ? "met" : "stuck");
    });
    CHECK(child.exited);
    CHECK(child.text == "met");
}

TEST_CASE("of many threads that exchange at the same time each gets what one of them has published, with "
          "each flavor")
{
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(name_of(f));
    const auto child = in_child(60, [=] {
        constexpr int threads = 4;
        constexpr int rounds = 20'000;
        std::vector<std::atomic<int>> freed(threads * rounds);
        struct counted {
            std::atomic<int>* times;
            explicit counted(std::atomic<int>* t) : times(t) {}
            counted(counted&& other) noexcept : times(std::exchange(other.times, nullptr)) {}
            ~counted()
            {
                if (times != nullptr)
                    ++*times;
            }
            int operator()(const pt_regs&, int) const noexcept { return times->load() == 0 ? 1 : 0; }
        };
        std::atomic<int> here{0};
        std::uint64_t unknown = 0;
        {
            machine_config c;
            c.rcu = f;
            machine m(c);
            static_cast<void>(m.exchange(make_nmi_handler(handled)));
            std::vector<std::thread> all;
            for (int t = 0; t < threads; ++t)
                all.emplace_back([&, t] {
                    for (++here; here < threads;)
                        std::this_thread::yield(); // so that they meet
                    for (int i = 0; i < rounds; ++i) {
                        static_cast<void>(m.exchange(
                            make_nmi_handler(counted(&freed[static_cast<std::size_t>(t * rounds + i)]))));
                        if (i % 16 == 0)
                            m.raise_nmi(0);
                    }
                });
            for (auto& t : all)
                t.join();
            static_cast<void>(m.drain(10'000'000'000));
            unknown = internals(m).area(0).unknown.read(); // an NMI ran a handler that had been freed
        }
        const auto once = std::count_if(freed.begin(), freed.end(), [](auto& n) { return n == 1; });
        return std::to_string(once) + " freed once, " + std::to_string(unknown) + " run when freed";
    });
    CHECK(child.exited);
    CHECK(child.text == "80000 freed once, 0 run when freed");
}

TEST_CASE("an exchange publishes at once, also while another one waits for a reader, with each flavor")
{
    const flavor f = GENERATE(from_range(all_flavors));
    CAPTURE(name_of(f));
    const auto child = in_child(60, [=] {
        machine_config c;
        c.rcu = f;
        machine m(c);
        std::atomic<bool> inside{false};
        std::atomic<bool> leave{false};
        static_cast<void>(m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept {
            for (inside = true; !leave;) {
            }
            return 1;
        })));
        m.raise_nmi(0);
        if (!eventually([&] { return inside.load(); })) {
            leave = true;
            return std::string("no NMI");
        }
        std::vector<std::thread> waiting;
        const auto publishes = [&] {
            nmi_handler next = make_nmi_handler(handled);
            const nmi_callback* const published = next.get();
            waiting.emplace_back([&m, handler = std::move(next)]() mutable {
                static_cast<void>(m.exchange(std::move(handler)));
            });
            return eventually([&] { return internals(m).domain.callback.load() == published; });
        };
        const bool first = publishes();
        const bool second = publishes();
        leave = true;
        for (auto& t : waiting)
            t.join();
        return std::string(!first ? "not published" : second ? "both published" : "one published");
    });
    CHECK(child.exited);
    CHECK(child.text == "both published");
}

TEST_CASE("a drain under fire ends when the NMIs raised before it have been taken")
{
    const delivery d = GENERATE(from_range(all_deliveries));
    const auto child = in_child(60, [=] {
        machine_config c;
        c.delivery = d;
        machine m(c);
        // Each NMI raises the next one before it ends: there is no moment without one in flight.
        std::atomic<bool> stop{false};
        static_cast<void>(m.exchange(make_nmi_handler([&](const pt_regs&, int cpu) noexcept {
            if (!stop.load())
                m.raise_nmi(cpu);
            return 1;
        })));
        m.raise_nmi(0);
        const bool burning = eventually([&] { return m.nmi_count(0) > 100; });
        const bool drained = m.drain(10'000'000'000);
        stop = true;
        const bool out = m.drain(10'000'000'000);
        return std::string(burning ? "burning, " : "no fire, ") + (drained ? "drained, " : "not drained, ") +
               (out ? "out" : "not out");
    });
    CHECK(child.exited);
    CHECK(child.text == "burning, drained, out");
}

TEST_CASE("a drain waits for what was sent before its first look, and not for what could not be sent")
{
    interrupt_line line;
    std::uint64_t sent_then = UINT64_MAX;
    line.sent = 5;
    line.completed = 3;
    CHECK_FALSE(line.drained_to(sent_then));
    line.sent = 9;
    line.completed = 4;
    CHECK_FALSE(line.drained_to(sent_then));
    line.completed = 5;
    CHECK(line.drained_to(sent_then));

    sent_then = UINT64_MAX;
    line.sent = 7; // the last of these is counted before the kernel refuses it
    CHECK_FALSE(line.drained_to(sent_then));
    line.sent = 6;
    line.completed = 6;
    CHECK(line.drained_to(sent_then));
}

TEST_CASE("a vCPU may take another one offline that waits for a grace period, with each flavor")
{
    constexpr int most = 100; // without what is tested qsbr comes to 29 or 43
    const flavor f = GENERATE(from_range(all_flavors));
    const auto child = in_child(60, [=] {
        std::atomic<int> rounds{0};
        std::atomic<bool> begin{false};
        machine* the_machine = nullptr;
        machine_config c;
        c.cpus = 2;
        c.rcu = f;
        c.custom_workload = [&](vcpu& self) {
            if (begin.load() && rounds.load() < most) {
                if (self.number() == 1) {
                    the_machine->synchronize_rcu();
                } else {
                    the_machine->cpu_down(1); // with qsbr it waits for this vCPU to be quiescent
                    the_machine->cpu_up(1);
                    usleep(3000);
                    ++rounds;
                }
            }
            self.quiescent_state();
        };
        machine m(c);
        the_machine = &m;
        begin = true;
        return std::string(eventually([&] { return rounds.load() >= most; }) ? "came to its end" : "stuck");
    });
    CHECK(child.exited);
    CHECK(child.text == "came to its end");
}

TEST_CASE("a vCPU that would take itself offline is refused, and stays")
{
    const auto child = in_child(30, [] {
        machine* the_machine = nullptr;
        std::atomic<bool> ask{false}, back{false};
        machine_config c;
        c.custom_workload = [&](vcpu& self) {
            if (ask.exchange(false)) {
                the_machine->cpu_down(self.number());
                back = true;
            }
        };
        machine m(c);
        the_machine = &m;
        ask = true;
        const bool came_back = eventually([&] { return back.load(); });
        return std::string(came_back && m.cpu_online(0) ? "online" : "gone");
    });
    CHECK(child.exited);
    CHECK(child.text == "online");
}

TEST_CASE("a vCPU or a line that is not there ends the program with a line that says so")
{
    CHECK(in_child(10, [] {
              std::signal(SIGABRT, SIG_DFL); // no word of Catch2's
              machine m{machine_config{}};
              static_cast<void>(m.nmi_count(1));
              return std::string();
          }).code == SIGABRT);
    CHECK(in_child(10, [] {
              std::signal(SIGABRT, SIG_DFL); // no word of Catch2's
              machine m{machine_config{}};
              static_cast<void>(raise_irq(m, 0, 0)); // no lines
              return std::string();
          }).code == SIGABRT);
    CHECK(in_child(10, [] {
              std::signal(SIGABRT, SIG_DFL); // no word of Catch2's
              machine m{machine_config{}};
              m.cpu_up(1);
              return std::string();
          }).code == SIGABRT);
}

TEST_CASE(
    "exchange() is refused while handlers are on chains, and registering while exchange() has published")
{
    const auto child = in_child(30, [] {
        std::atomic<int> own{0}, chained{0};
        const auto count = [](std::atomic<int>& n) {
            return [&n](const pt_regs&, int) noexcept {
                ++n;
                return 1;
            };
        };
        machine m{machine_config{}};
        std::string seen;
        const auto nmi = [&] {
            own = chained = 0;
            m.raise_nmi(0);
            static_cast<void>(m.drain(10'000'000'000));
            seen += own == 1 ? "own " : chained == 1 ? "chained " : "none ";
        };
        auto first = register_nmi_handler(m, nmi_type::local, count(chained), 0, "first");
        nmi();
        exchange_result early = m.exchange(make_nmi_handler(count(own)));
        seen += early.status == sync_result::refused_by_chains && early.old != nullptr ? "refused " : "? ";
        nmi();
        first.unregister();
        exchange_result late = m.exchange(std::move(early.old));
        seen +=
            late.status == sync_result::done && late.old == nullptr ? "done " : "? "; // not the empty table
        nmi();
        const auto refused = register_nmi_handler(m, nmi_type::local, count(chained), 0, "refused");
        seen += refused.error() == EBUSY ? "busy " : "registered ";
        seen += m.exchange(nullptr).old != nullptr ? "back " : "lost ";
        const auto again = register_nmi_handler(m, nmi_type::local, count(chained), 0, "again");
        nmi();
        return seen;
    });
    CHECK(child.exited);
    CHECK(child.text == "chained refused chained done own busy back chained ");
}
