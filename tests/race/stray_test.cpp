// SPDX-License-Identifier: MIT
//
// Signals on a machine's lines that the machine has not sent: another process's, other code's of this process, another
// machine's. Each is counted as a stray and is nothing else; what it carries is compared, never followed.
#include "base/signal_mask.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace nmisim::test {

enum class line { nmi, backtrace, irq };

} // namespace nmisim::test

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::line;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

line each_line()
{
    return GENERATE(line::nmi, line::backtrace, line::irq);
}

int signal_of(machine_state& state, line l)
{
    switch (l) {
    case line::nmi: return state.nmi_signal.number();
    case line::backtrace: return state.backtrace_signal.number();
    case line::irq: return state.domain.first_irq_signal;
    }
    return 0;
}

/// The thread gets `info`, whose si_code says who sent it. From this process to itself any may be sent.
long send(pid_t tid, int signo, int code, pid_t from, std::uintptr_t value)
{
    siginfo_t info{};
    info.si_code = code;
    info.si_pid = from;
    info.si_value.sival_ptr = reinterpret_cast<void*>(value);
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signo, &info);
}

/// What another process of the same user can do to a thread of this one.
bool send_from_another_process(pid_t tid, int signo, std::uintptr_t value)
{
    const pid_t target = getpid();
    const pid_t other = fork();
    if (other == 0) {
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        info.si_pid = getpid();
        info.si_value.sival_ptr = reinterpret_cast<void*>(value);
        _exit(syscall(SYS_rt_tgsigqueueinfo, target, tid, signo, &info) == 0 ? 0 : 1);
    }
    int status = 0;
    return waitpid(other, &status, 0) == other && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct bench {
    explicit bench(machine_config c = {}) : m(with_job(std::move(c)))
    {
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
    }
    machine_config with_job(machine_config c)
    {
        c.irqs = 1;
        c.custom_workload = job.workload();
        return c;
    }
    machine_state& state() { return internals(m); }
    percpu& cpu() { return state().area(0); }
    std::uint64_t strays() { return state().domain.strays.load(); }
    /// What was counted anywhere but as a stray.
    std::string books()
    {
        const irq_line& irq = cpu().irq->lines[0];
        return fmt::format("{} NMIs of {}, {} IRQs of {}, {} offline, backtrace {}", m.nmi_count(0),
                           cpu().line.raised(), irq.count.read(), irq.line.raised(),
                           cpu().offline_seen.read() + irq.offline_seen.read(),
                           cpu().backtrace->count.load());
    }
    test::on_vcpu job;
    machine m;
};

constexpr const char* untouched = "0 NMIs of 0, 0 IRQs of 0, 0 offline, backtrace 0";

} // namespace

TEST_CASE("a signal of another process is a stray, on each line, whatever it carries")
{
    const line l = each_line();
    const std::uintptr_t value = GENERATE(std::uintptr_t{0}, std::uintptr_t{42});
    const auto child = in_child(60, [=] {
        bench b;
        const bool sent = send_from_another_process(b.cpu().tid, signal_of(b.state(), l), value);
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {} {}", sent, stray, b.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("true true {}", untouched));
}

TEST_CASE("another process that knows the request's address gets no backtrace either")
{
    const auto child = in_child(60, [] {
        bench b;
        const auto value = reinterpret_cast<std::uintptr_t>(b.cpu().backtrace);
        b.cpu().backtrace->count = -1; // as if one had been asked for
        const bool sent = send_from_another_process(b.cpu().tid, b.state().backtrace_signal.number(), value);
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {} {}", sent, stray, b.cpu().backtrace->count.load());
    });
    CHECK(child.text == "true true -1");
}

TEST_CASE("tgkill on a line is a stray, on each line")
{
    const line l = each_line();
    const auto child = in_child(60, [=] {
        bench b;
        pthread_kill(b.cpu().line.target, signal_of(b.state(), l)); // SI_TKILL, and no value
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {}", stray, b.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("true {}", untouched));
}

TEST_CASE("a backtrace request that carries a value of this process's own is a stray, and none is answered")
{
    const int code = GENERATE(as<int>{}, SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO);
    const bool asked = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        bench b;
        if (asked)
            b.cpu().backtrace->count = -1;
        long sent = -1;
        b.job.run([&] { sent = send(gettid(), b.state().backtrace_signal.number(), code, getpid(), 42); });
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {} {}", sent, stray, b.cpu().backtrace->count.load());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("0 true {}", asked ? -1 : 0));
}

TEST_CASE(
    "a backtrace request that was sent otherwise than by sigqueue is a stray, with the right mark as well")
{
    const int code = GENERATE(as<int>{}, SI_TIMER, SI_MESGQ, SI_ASYNCIO);
    const auto child = in_child(60, [=] {
        bench b;
        b.cpu().backtrace->count = -1;
        long sent = -1;
        b.job.run([&] {
            sent = send(gettid(), b.state().backtrace_signal.number(), code, getpid(),
                        reinterpret_cast<std::uintptr_t>(b.cpu().backtrace));
        });
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {} {}", sent, stray, b.cpu().backtrace->count.load());
    });
    CHECK(child.exited);
    CHECK(child.text == "0 true -1");
}

TEST_CASE("a backtrace request that nobody waits for any more writes nothing")
{
    const auto child = in_child(60, [] {
        bench b;
        backtrace_request& request = *b.cpu().backtrace;
        request.count = 0; // the answer that somebody may be reading
        request.frames[0] = 4711;
        long sent = -1;
        b.job.run([&] {
            sent = send(gettid(), b.state().backtrace_signal.number(), SI_QUEUE, getpid(),
                        reinterpret_cast<std::uintptr_t>(&request));
        });
        b.job.run([] {}); // after the signal
        return fmt::format("{} {} {} {}", sent, b.strays(), request.count.load(), request.frames[0]);
    });
    CHECK(child.exited);
    CHECK(child.text == "0 0 0 4711");
}

TEST_CASE("a backtrace is answered all the same, before and after strays")
{
    const auto child = in_child(60, [] {
        bench b;
        const auto answered = [&] {
            return eventually([&] { return !b.state().cpus[0]->backtrace().empty(); });
        };
        const bool before = answered();
        pthread_kill(b.cpu().line.target, b.state().backtrace_signal.number());
        const bool stray = eventually([&] { return b.strays() == 1; });
        return fmt::format("{} {} {}", before, stray, answered());
    });
    CHECK(child.exited);
    CHECK(child.text == "true true true");
}

TEST_CASE("the lines of another machine are strays on this one's vCPU, on each line")
{
    const line l = each_line();
    const auto child = in_child(60, [=] {
        bench own, other({.signal_offset = 10});
        const int signo = signal_of(other.state(), l);
        long sent = -1;
        own.job.run([&] { // as code would that opens all signals
            change_mask(SIG_UNBLOCK, signo);
            sent = send(gettid(), signo, SI_QUEUE, getpid(),
                        reinterpret_cast<std::uintptr_t>(other.cpu().backtrace));
        });
        const bool stray = eventually([&] { return own.strays() == 1; });
        return fmt::format("{} {} {} / {} {}", sent, stray, own.books(), other.strays(), other.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("0 true {} / 0 {}", untouched, untouched));
}

TEST_CASE("another machine's IRQ is a stray on a vCPU of a machine without IRQ lines")
{
    const auto child = in_child(60, [] {
        bench other({.signal_offset = 10});
        const int signo = signal_of(other.state(), line::irq);
        test::on_vcpu job;
        machine own({.custom_workload = job.workload()});
        long sent = -1;
        job.run([&] {
            change_mask(SIG_UNBLOCK, signo);
            sent = send(gettid(), signo, SI_QUEUE, getpid(), 42);
        });
        const bool stray = eventually([&] { return internals(own).domain.strays == 1; });
        return fmt::format("{} {} / {} {}", sent, stray, other.strays(), other.books());
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("0 true / 0 {}", untouched));
}

TEST_CASE("strays that wait for a vCPU that goes offline are no NMIs and no IRQs")
{
    const line l = GENERATE(line::nmi, line::irq);
    const bool by_tgkill = GENERATE(false, true);
    const auto child = in_child(60, [=] {
        bench b;
        const int signo = signal_of(b.state(), l);
        b.job.run([&] { // as code would that a handler cannot be asked to respect
            change_mask(SIG_BLOCK, signo);
        });
        const bool sent = by_tgkill ? pthread_kill(b.cpu().line.target, signo) == 0
                                    : send_from_another_process(b.cpu().tid, signo, 42);
        b.m.cpu_down(0);
        return fmt::format("{} {} {} {}", sent, b.strays(), b.books(), b.m.drain(0));
    });
    CHECK(child.exited);
    CHECK(child.text == fmt::format("true 1 {} true", untouched));
}

TEST_CASE("a machine that got strays on every line goes on: NMIs, IRQs and swaps")
{
    const auto child = in_child(60, [] {
        bench b;
        for (int i = 0; i < 20; ++i) {
            for (const line l : {line::nmi, line::backtrace, line::irq})
                pthread_kill(b.cpu().line.target, signal_of(b.state(), l));
            b.m.raise_nmi(0);
            if (!b.m.drain(10 * second))
                return std::string("stuck");
            std::ignore = b.m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
        }
        const bool all = eventually([&] { return b.strays() == 60; });
        return fmt::format("{} {}", all, b.m.nmi_count(0));
    });
    CHECK(child.exited);
    CHECK(child.text == "true 20");
}
