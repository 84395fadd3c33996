// SPDX-License-Identifier: MIT
//
// What programs do to a machine by mistake, or because they end in the middle: each ends well. Each case in a child with an
// alarm; exit() is called there, because the cases are about it.
#include "machine/machine_state.hpp"
#include "nmisim/irq.hpp"
#include "nmisim/nmi_chain.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <new>
#include <string>
#include <thread>
#include <tuple>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

nmi_handler claiming()
{
    return make_nmi_handler([](const pt_regs&, int) noexcept { return 1; });
}

flavor every_flavor()
{
    return GENERATE(from_range(all_flavors));
}

/// Behind all static destructors: the child that ends by exit() has no other way to say what it saw.
int end_with = 1;
void end_so()
{
    _exit(end_with);
}

} // namespace

TEST_CASE("exit() on a vCPU ends the program, with a machine of static storage and one beside it")
{
    const flavor f = every_flavor();
    const auto child = in_child(60, [=] {
        static std::atomic<int> others{0};
        static machine m({.cpus = 2, .rcu = f, .custom_workload = [](vcpu& self) {
                              if (self.number() == 1)
                                  others = 1;
                              else if (others != 0)
                                  std::exit(7);
                              sched_yield();
                          }});
        std::ignore = m.exchange(claiming());
        for (;;)
            pause();
        return std::string();
    });
    CHECK(child.exited);
    CHECK(child.code == 7);
}

TEST_CASE("exit() on a vCPU frees the handler that the machine owns, and the thread is no vCPU afterwards")
{
    const auto child = in_child(60, [] {
        struct witness {
            ~witness()
            {
                if (armed)
                    end_with = smp_processor_id() == -1 ? 3 : 4;
            }
            witness() = default;
            witness(witness&& other) noexcept : armed(std::exchange(other.armed, false)) {}
            bool armed = true;
        };
        std::atexit(end_so); // runs behind the machine's destructor
        static machine m({.custom_workload = [](vcpu&) {
            if (m.nmi_count(0) != 0)
                std::exit(0);
        }});
        std::ignore =
            m.exchange(make_nmi_handler([w = witness()](const pt_regs&, int) noexcept { return w.armed; }));
        m.raise_nmi(0);
        for (;;)
            pause();
        return std::string();
    });
    CHECK(child.exited);
    CHECK(child.code == 3);
}

TEST_CASE(
    "threads that go on raising while static destructors run are refused, and touch nothing that is gone")
{
    const flavor f = every_flavor();
    const auto child = in_child(60, [=] {
        static std::atomic<std::uint64_t> refused{0};
        std::atexit([] { // behind the machine's destructor
            const std::uint64_t before = refused;
            end_with = eventually([=] { return refused > before + 1000; }) ? 5 : 6;
            end_so();
        });
        static machine m({.rcu = f, .irqs = 1});
        std::thread([] {
            for (;;)
                if (m.raise_nmi(0) == raise_result::offline && raise_irq(m, 0, 0) == raise_result::offline)
                    ++refused;
        }).detach();
        eventually([] { return m.nmi_count(0) != 0; });
        std::exit(0);
        return std::string();
    });
    CHECK(child.exited);
    CHECK(child.code == 5);
}

TEST_CASE("what a static machine is asked for after its end is refused")
{
    const auto child = in_child(60, [] {
        static char place[sizeof(machine)]
            __attribute__((aligned(alignof(machine)))); // static, and its end is here
        machine* const m = new (place) machine({.cpus = 1});
        m->~machine();
        std::string text;
        text += m->raise_nmi(0) == raise_result::offline ? "offline " : "? ";
        text += m->exchange(claiming()).status == sync_result::refused_at_end ? "exchange " : "? ";
        text += m->synchronize_rcu() == sync_result::refused_at_end ? "sync " : "? ";
        m->cpu_up(0);
        return text + (m->cpu_online(0) ? "up" : "down");
    });
    CHECK(child.exited);
    CHECK(child.text == "offline exchange sync down");
}

TEST_CASE("a raise on a vCPU that is not there is a result")
{
    machine m({.cpus = 2, .irqs = 1});
    for (const int cpu : {-1, 2, 4711}) {
        CHECK(m.raise_nmi(cpu) == raise_result::no_such_cpu);
        CHECK(raise_irq(m, cpu, 0) == raise_result::no_such_cpu);
        CHECK_FALSE(m.cpu_online(cpu));
    }
    CHECK(m.raise_nmi(1) == raise_result::sent);
}

TEST_CASE("a vCPU whose workload ends its thread goes offline as one that was asked to, and comes back")
{
    const flavor f = every_flavor();
    const bool by_cancel = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        static std::atomic<bool> end{true};
        machine m({.rcu = f, .irqs = 1, .custom_workload = [=](vcpu&) {
                       if (!end)
                           sched_yield();
                       else if (by_cancel)
                           pthread_cancel(pthread_self()), pthread_testcancel();
                       else
                           pthread_exit(nullptr);
                   }});
        std::string text = eventually([&] { return !m.cpu_online(0); }) ? "offline " : "online ";
        text += m.exchange(claiming()).status == sync_result::done ? "done " : "? ";
        text += m.raise_nmi(0) == raise_result::offline && raise_irq(m, 0, 0) == raise_result::offline
                    ? "refused "
                    : "? ";
        text += m.drain(10 * second) ? "drained " : "? ";
        end = false;
        eventually([&] { return m.cpu_up(0), m.cpu_online(0); });
        text += m.raise_nmi(0) == raise_result::sent && m.drain(30 * second) ? "sent " : "? ";
        return text + std::to_string(m.nmi_count(0));
    });
    CHECK(child.exited);
    CHECK(child.text == "offline done refused drained sent 1");
}

TEST_CASE("all_cpus_down on a vCPU is refused: it would wait for its own end")
{
    const auto child = in_child(60, [] {
        test::on_vcpu job;
        machine m({.custom_workload = job.workload()});
        job.run([&] { m.all_cpus_down(); });
        return std::to_string(m.cpu_online(0));
    });
    CHECK(child.exited);
    CHECK(child.text == "1");
}

TEST_CASE("a watchdog on a chain and a profiler that exchanges: the second is refused, and cuts nobody off")
{
    std::atomic<int> watchdog{0};
    machine m(machine_config{});
    auto chained = register_nmi_handler(
        m, nmi_type::local, [&](const pt_regs&, int) noexcept { return ++watchdog, 1; }, 0, "watchdog");
    for (int i = 0; i < 10; ++i) {
        const exchange_result result = m.exchange(claiming());
        CHECK(result.status == sync_result::refused_by_chains);
        CHECK(result.old != nullptr); // its own, not the chains' table
        m.raise_nmi(0);
        REQUIRE(m.drain(30 * second));
    }
    CHECK(watchdog == 10);
    CHECK(m.exchange(nullptr).status == sync_result::refused_by_chains);
    chained.unregister();
    CHECK(m.exchange(claiming()).status == sync_result::done);
    const auto late = register_nmi_handler(
        m, nmi_type::local, [](const pt_regs&, int) noexcept { return 1; }, 0, "late");
    CHECK(late.error() == EBUSY);
}

TEST_CASE("set_nmi_callback takes the chains off: registering is refused, and who leaves leaves it alone")
{
    static int own_runs;
    own_runs = 0;
    nmi_callback own;
    own.function = [](nmi_callback&, const pt_regs&, int) noexcept { return ++own_runs, 1; };
    std::atomic<int> watchdog{0};
    const auto raise = [](machine& m) {
        return m.raise_nmi(0) == raise_result::sent && m.drain(30 * second);
    };
    machine m(machine_config{});
    const auto on_chain = [&] {
        return register_nmi_handler(
            m, nmi_type::local, [&](const pt_regs&, int) noexcept { return ++watchdog, 1; }, 0, "watchdog");
    };
    auto first = on_chain();
    m.set_nmi_callback(own);
    CHECK(on_chain().error() == EBUSY);
    REQUIRE(raise(m));
    CHECK(own_runs == 1);
    SECTION("the next registration brings back all")
    {
        m.unset_nmi_callback();
        auto second_one = on_chain();
        REQUIRE(raise(m));
        CHECK(watchdog == 2);
    }
    SECTION("nobody is left on them: exchange() is served")
    {
        first.unregister();
        REQUIRE(raise(m));
        CHECK(own_runs == 2);
        m.unset_nmi_callback();
        exchange_result result = m.exchange(claiming());
        CHECK(result.status == sync_result::done);
        CHECK(result.old == nullptr);
        CHECK(on_chain().error() == EBUSY);
    }
}

TEST_CASE(
    "of many threads that exchange and register at once, each is served or refused, and nobody is cut off")
{
    machine m({.cpus = 1});
    std::atomic<bool> stop{false};
    std::atomic<int> cut_off{0}, handed_out{0}, registered{0}, exchanged{0};
    std::thread profiler([&] {
        while (!stop) {
            exchange_result first = m.exchange(claiming());
            if (first.status != sync_result::done)
                continue;
            ++exchanged;
            handed_out += first.old != nullptr ? 1 : 0; // nobody else exchanges: only a table could be there
            const exchange_result last = m.exchange(nullptr);
            cut_off += last.status == sync_result::done && last.old != nullptr ? 0 : 1;
        }
    });
    for (int i = 0; i < 2000 || exchanged == 0 || registered == 0; ++i) {
        std::atomic<int> ran{0};
        const auto chained = register_nmi_handler(
            m, nmi_type::local, [&](const pt_regs&, int) noexcept { return ++ran, 1; }, 0, "watchdog");
        if (!chained) {
            sched_yield();
            continue;
        }
        ++registered;
        m.raise_nmi(0);
        if (!m.drain(30 * second) || ran != 1)
            ++cut_off;
    }
    stop = true;
    profiler.join();
    CHECK(cut_off == 0);
    CHECK(handed_out == 0);
}

TEST_CASE("a vCPU's thread keeps the program's nice value, name and signal mask unless the program asks")
{
    const bool asked = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        pthread_setname_np(pthread_self(), "program");
        test::on_vcpu job;
        machine_config c;
        c.cpus = 64; // more than Linux CPUs
        c.workload = workload::idle;
        c.custom_workload = [inner = job.workload()](vcpu& self) {
            if (self.number() == 0)
                inner(self);
            else
                self.workload_round();
        };
        c.workload = workload::idle;
        c.give_way = c.name_threads = c.block_signals = asked;
        machine m(c);
        std::string text;
        job.run([&] {
            char name[16];
            pthread_getname_np(pthread_self(), name, sizeof name);
            sigset_t mask;
            pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            text = fmt::format("nice {}, {}, SIGINT {}, SIGPROF {}, NMI {}",
                               getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())) -
                                       getpriority(PRIO_PROCESS, static_cast<id_t>(getpid())) >
                                   0,
                               name, sigismember(&mask, SIGINT), sigismember(&mask, SIGPROF),
                               sigismember(&mask, SIGRTMIN + 1));
        });
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == (asked ? "nice true, vcpu0, SIGINT 1, SIGPROF 1, NMI 0"
                               : "nice false, program, SIGINT 0, SIGPROF 0, NMI 0"));
}

namespace {

std::atomic<int> messages{0};
void count_message(const char* line, std::size_t length) noexcept
{
    messages += length > 0 && line[length - 1] == '\n' ? 1 : 100;
}

} // namespace

TEST_CASE("the library prints nothing: what it has to say goes to the function that the program gives, if it "
          "gives one")
{
    const bool given = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        const int said = memfd_create("standard error", 0);
        dup2(said, STDERR_FILENO);
        dup2(said, STDOUT_FILENO);
        test::on_vcpu job;
        machine m({.irqs = 1, .message = given ? count_message : nullptr, .custom_workload = job.workload()});
        m.raise_nmi(0); // no handler: "Uhhuh"
        std::ignore = m.drain(30 * second);
        job.run([&] { m.cpu_down(0); });
        const auto irq = request_irq(m, 0, claiming(), 0, "first");
        const auto second_one = request_irq(m, 0, claiming(), 0, "second"); // its error says it
        const auto null = register_nmi_handler(m, nmi_type::local, nmi_handler(), 0, "null");
        return fmt::format("{} bytes, {} messages", lseek(said, 0, SEEK_END), messages.load());
    });
    CHECK(child.exited);
    CHECK(child.text == (given ? "0 bytes, 2 messages" : "0 bytes, 0 messages"));
}
