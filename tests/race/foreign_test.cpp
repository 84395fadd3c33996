// SPDX-License-Identifier: MIT
//
// Signals of the program's own on a number that a machine has taken: they are no NMIs, whatever they carry, and go to the
// handler that the program had there before. Each case in a child, because dispositions are the process's.
#include "base/signal_mask.hpp"
#include "machine/machine_state.hpp"
#include "nmisim/interrupt.hpp"
#include "runtime/entry/forward.hpp"
#include "runtime/origin.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <string>
#include <sys/syscall.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;

namespace {

const int nmi_signo = SIGRTMIN + 1;
const int irq_signo = SIGRTMIN + 3;

std::atomic<int> ran{0};          // the program's handler
std::atomic<int> seen_value{0};   // what its signal carried
std::atomic<int> blocked_then{0}; // bit set, see note_mask()

void count_run(int)
{
    ++ran;
}

void note_value(int, siginfo_t* info, void* context)
{
    seen_value = context != nullptr && info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
    ++ran;
}

int blocked_now(int signo)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, signo);
}

void note_mask(int signo)
{
    blocked_then = blocked_now(signo) | blocked_now(SIGUSR1) << 1 | blocked_now(SIGUSR2) << 2;
    ++ran;
}

void program_has(int signo, void (*handler)(int), int flags = 0, int masked = 0)
{
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    if (masked != 0)
        sigaddset(&action.sa_mask, masked);
    sigaction(signo, &action, nullptr);
}

void program_has_siginfo(int signo)
{
    struct sigaction action {};
    action.sa_sigaction = note_value;
    action.sa_flags = SA_SIGINFO;
    sigaction(signo, &action, nullptr);
}

/// The user's queue of signals is shared with all of his processes, and may be full for a while. `send` as errno has it.
template <class Send>
void until_sent(Send send)
{
    while (send() == EAGAIN)
        sched_yield();
}

void queue_here(int signo, sigval value = {})
{
    until_sent([=] { return pthread_sigqueue(pthread_self(), signo, value); });
}

struct bench {
    explicit bench(machine_config c = {}) : m(with_job(std::move(c))) {}
    machine_config with_job(machine_config c)
    {
        c.irqs = 1;
        c.custom_workload = job.workload();
        return c;
    }
    percpu& cpu() { return internals(m).area(0); }
    std::uint64_t strays() { return internals(m).domain.strays.load(); }
    std::string books()
    {
        const irq_line& irq = cpu().irq->lines[0];
        return fmt::format("{} NMIs of {}, {} IRQs of {}, {} in flight", m.nmi_count(0), cpu().line.raised(),
                           irq.count.read(), irq.line.raised(),
                           cpu().line.in_flight() + irq.line.in_flight());
    }
    /// One signal of the program's own to the vCPU, which has taken it when this returns.
    void send_to_vcpu(int signo, sigval value = {})
    {
        job.run([=] { queue_here(signo, value); });
        job.run([] {}); // a thread takes its own signals before the system call returns
    }
    test::on_vcpu job;
    machine m;
};

std::uint64_t unwanted()
{
    return runtime::kept_actions[static_cast<std::size_t>(nmi_signo)].ignored.load();
}

/// A machine on these signals is refused.
bool refused(int error)
{
    try {
        bench b;
    } catch (const std::system_error& e) {
        return e.code().value() == error;
    }
    return false;
}

constexpr const char* untouched = "0 NMIs of 0, 0 IRQs of 0, 0 in flight";

} // namespace

TEST_CASE("a signal that other code of the process queues is no NMI and no IRQ, whatever it carries")
{
    const int signo = GENERATE(as<int>{}, nmi_signo, irq_signo);
    const auto value = GENERATE(as<std::uintptr_t>{}, 0, 42, 0x7fff12345678, 0xffffffffffffffff);
    const nesting nests = GENERATE(from_range(all_nestings));
    const auto child = in_child(60, [=] {
        bench b({.nesting = nests});
        change_mask(SIG_BLOCK, signo); // as a program does that takes its signals by sigwait or signalfd
        sigval carried{};
        carried.sival_ptr = reinterpret_cast<void*>(value);
        for (int i = 0; i < 5; ++i)
            until_sent([=] { return sigqueue(getpid(), signo, carried) == 0 ? 0 : errno; });
        const bool strays = eventually([&] { return b.strays() == 5; });
        return fmt::format("{} {}", strays, b.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("true {}", untouched));
}

TEST_CASE("a foreign signal does not end a drain")
{
    const auto child = in_child(60, [] {
        static std::atomic<bool> inside{false};
        static std::atomic<bool> go{false};
        bench b;
        b.send_to_vcpu(nmi_signo);
        std::ignore = b.m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            inside = true;
            while (!go)
                sched_yield();
            return 1;
        }));
        while (b.m.raise_nmi(0) == raise_result::rejected)
            sched_yield();
        const bool entered = eventually([] { return inside.load(); });
        const bool early = b.m.drain(20'000'000);
        go = true;
        return fmt::format("{} {} {}", entered, early, b.m.drain(30 * nsec_per_sec));
    });
    CHECK(child.text == "true false true");
}

TEST_CASE("a foreign signal goes to the handler that the program had: on any thread, during a machine's life "
          "and after it")
{
    const auto child = in_child(60, [] {
        program_has(nmi_signo, count_run);
        queue_here(nmi_signo);
        {
            bench b;
            queue_here(nmi_signo);
            b.send_to_vcpu(nmi_signo);
            until_sent([&] { return pthread_kill(b.cpu().line.target, nmi_signo); });
            eventually([] { return ran == 4; });
        }
        queue_here(nmi_signo);
        {
            bench again; // the machine that was there before is not the program
            queue_here(nmi_signo);
        }
        queue_here(nmi_signo);
        return fmt::format("{}", ran.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "7");
}

TEST_CASE("the program's handler is given what its signal carried if it asked for that")
{
    const auto child = in_child(60, [] {
        program_has_siginfo(irq_signo);
        bench b;
        sigval value{};
        value.sival_int = 4711;
        b.send_to_vcpu(irq_signo, value);
        return fmt::format("{} {}", ran.load(), seen_value.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "1 4711");
}

TEST_CASE("while the program's handler runs, its mask holds, and the one before afterwards")
{
    const bool nodefer = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        program_has(nmi_signo, note_mask, nodefer ? SA_NODEFER : 0, SIGUSR1);
        bench b;
        int after = 0;
        b.job.run([] { change_mask(SIG_BLOCK, SIGUSR2); });
        b.send_to_vcpu(nmi_signo);
        const int during = blocked_then;
        b.job.run([&] { // what it leaves behind, where no sigreturn hides it
            siginfo_t info{};
            runtime::forward(nmi_signo, &info, nullptr);
            after = blocked_now(nmi_signo) | blocked_now(SIGUSR1) << 1 | blocked_now(SIGUSR2) << 2;
        });
        return fmt::format("{} {} {}", ran.load(), during, after);
    });
    CHECK(child.exited);
    CHECK(child.text == (nodefer ? "2 6 4" : "2 7 4"));
}

TEST_CASE("a handler with SA_RESETHAND runs once, and the default action is not taken then")
{
    const auto child = in_child(60, [] {
        program_has(nmi_signo, count_run, static_cast<int>(SA_RESETHAND));
        bench b;
        for (int i = 0; i < 3; ++i)
            b.send_to_vcpu(nmi_signo);
        return fmt::format("{} {} {}", ran.load(), b.strays(), unwanted());
    });
    CHECK(child.exited);
    CHECK(child.text == "1 3 2");
}

TEST_CASE("a foreign signal that the program ignored, or had no handler for, is ignored and counted")
{
    const bool ignored = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        program_has(nmi_signo, ignored ? SIG_IGN : SIG_DFL);
        {
            bench b;
            queue_here(nmi_signo);
            b.send_to_vcpu(nmi_signo);
        }
        queue_here(nmi_signo);
        return fmt::format("{}", unwanted());
    });
    CHECK(child.exited);
    CHECK(child.text == "3");
}

TEST_CASE("a machine's end does not take away a handler that the program has installed meanwhile")
{
    const auto child = in_child(60, [] {
        {
            bench b;
            program_has(nmi_signo, count_run);
        }
        queue_here(nmi_signo);
        struct sigaction now {};
        sigaction(nmi_signo, nullptr, &now);
        return fmt::format("{} {} {}", ran.load(), now.sa_handler == count_run, refused(EBUSY));
    });
    CHECK(child.exited);
    CHECK(child.text == "1 true true");
}

TEST_CASE("a handler that the program has taken off again stands in no machine's way, and is not called")
{
    const auto child = in_child(60, [] {
        program_has(nmi_signo, count_run);
        {
            bench b;
            program_has(nmi_signo, SIG_IGN);
        }
        const bool in_the_way = refused(EBUSY);
        queue_here(nmi_signo);
        return fmt::format("{} {}", in_the_way, ran.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "false 0");
}

TEST_CASE("a signal is a machine's or an interrupt's, and after its end the other's")
{
    const auto child = in_child(60, [] {
        program_has(nmi_signo, count_run);
        int error = 0;
        std::string text;
        {
            bench b;
            const interrupt second({.signal = nmi_signo}, error);
            text += fmt::format("{} ", error == EBUSY);
        }
        {
            const interrupt after({.signal = nmi_signo}, error);
            queue_here(nmi_signo, runtime::stamped(0)); // late
            queue_here(nmi_signo);
            text += fmt::format("{} {} {} {} ", error, refused(EBUSY), after.books().foreign,
                                after.books().foreign_ignored);
        }
        bench b;
        b.send_to_vcpu(nmi_signo);
        return text + fmt::format("{}", ran.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "true 0 true 2 1 2");
}

TEST_CASE("an NMI that comes late, on a thread that is no vCPU, is not the program's")
{
    const auto child = in_child(60, [] {
        program_has(nmi_signo, count_run);
        bench b;
        queue_here(nmi_signo, runtime::stamped(0));
        return fmt::format("{}", ran.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "0");
}

TEST_CASE("foreign signals that wait for a vCPU that leaves are the process's again")
{
    const int signo = GENERATE(as<int>{}, nmi_signo, irq_signo);
    const auto child = in_child(60, [=] {
        program_has_siginfo(signo);
        bench b;
        b.job.run([=] { change_mask(SIG_BLOCK, signo); });
        sigval value{};
        value.sival_int = 7;
        until_sent([&] { return pthread_sigqueue(b.cpu().line.target, signo, value); });
        b.m.cpu_down(0);
        const bool taken = eventually([] { return ran == 1; });
        return fmt::format("{} {} {}", taken, seen_value.load(), b.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("true 7 {}", untouched));
}

TEST_CASE("a timer's signal is an NMI with the mark only, although it has the vCPU's own number")
{
    const bool with_mark = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        bench b;
        b.cpu().sources.timer = 3;
        siginfo_t info{};
        info.si_code = SI_TIMER;
        info.si_timerid = 3;
        if (with_mark)
            info.si_value.sival_ptr = runtime::mark_of(runtime::origin::timer);
        b.job.run([&] {
            until_sent([&] {
                return syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), nmi_signo, &info) == 0 ? 0 : errno;
            });
        });
        b.job.run([] {});
        return fmt::format("{} {}", b.strays(), b.m.nmi_count(0));
    });
    CHECK(child.exited);
    CHECK(child.text == (with_mark ? "0 1" : "1 0"));
}

TEST_CASE("the time of a raise comes back from its signal whole, however long the system has been up")
{
    const std::uint64_t now_ns = GENERATE(as<std::uint64_t>{}, 5'000'000'000, (1ull << 48) + 7,
                                          (5ull << 48) - 1, (5ull << 48) + 1'000);
    const std::int64_t before = GENERATE(as<std::int64_t>{}, 1, 3'000'000'000, -500);
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    info.si_value = runtime::stamped(now_ns - static_cast<std::uint64_t>(before));
    CHECK(runtime::origin_of(info, 0) == runtime::origin::stamped);
    CHECK(runtime::raised_at_ns(info, now_ns) == now_ns - static_cast<std::uint64_t>(before));
}
