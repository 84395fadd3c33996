// SPDX-License-Identifier: MIT
//
// Flavor srcu with readers that nobody registered: threads that live for a moment, and signals to whatever is there. That
// domains do not wait for each other's readers. Its call_rcu().
#include "nmisim/machine.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "rcu/srcu.hpp"
#include "support/await.hpp"
#include "support/call_rcu.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <dirent.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <tuple>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::deferred;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::numbered_callbacks;
using nmisim::test::wakes_each_time;

namespace {

/// What a signal runs: counts its runs while it is published, and is counted as dead before it is used again.
struct counted {
    std::atomic<bool> alive{false};
    std::atomic<std::uint64_t> runs{0};
};

// A signal handler has no argument of ours.
rcu_domain* the_domain = nullptr;
std::array<counted, 64> handlers;
std::atomic<counted*> published{nullptr};
std::atomic<std::uint64_t> handled{0}, late{0};
std::atomic<int> held_for{0}; ///< how often a handler yields between its look at the pointer and its use

void on_signal(int, siginfo_t*, void*)
{
    const int errno_before = errno;
    const auto mark = rcu::srcu::nmi_enter(*the_domain);
    counted* const mine = rcu_dereference(published);
    for (int n = held_for; n > 0 && mine->alive; --n) // the injection point
        sched_yield();
    if (!mine->alive)
        ++late;
    ++mine->runs;
    rcu::srcu::nmi_exit(mark);
    ++handled;
    errno = errno_before;
}

/// One signal to each thread that is there. How many the kernel took.
std::uint64_t signal_all(int signo, pid_t but)
{
    std::uint64_t sent = 0;
    DIR* const tasks = opendir("/proc/self/task");
    while (const dirent* const entry = readdir(tasks)) {
        const std::string name = entry->d_name;
        pid_t tid = 0;
        std::from_chars(name.data(), name.data() + name.size(), tid);
        if (tid != 0 && tid != but)
            sent += syscall(SYS_tgkill, getpid(), tid, signo) == 0 ? 1 : 0;
    }
    closedir(tasks);
    return sent;
}

struct storm_result {
    std::uint64_t sent = 0, handled = 0, runs = 0, late = 0, swaps = 0, threads = 0;
};

/// Threads that come and go, each of which computes for a moment; signals to all; swaps back to back in one of them. Until so
/// many threads have ended and so many signals were handled, or one was late.
storm_result storm(std::uint64_t least_threads, std::uint64_t least_handled, int held, bool waits,
                   bool until_late)
{
    // One at most is pending for each thread: no queue fills up.
    const int signo = SIGUSR1;
    the_domain = new rcu_domain;
    handlers[0].alive = true;
    published = &handlers[0];
    held_for = held;
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(signo, &action, nullptr);

    storm_result r;
    std::atomic<bool> over{false};
    std::thread swapper([&] {
        std::size_t at = 0;
        while (!over) {
            counted& old = handlers[at];
            at = (at + 1) % handlers.size();
            handlers[at].alive = true;
            rcu_assign_pointer(published, &handlers[at]);
            if (waits)
                the_domain->synchronize();
            old.alive = false;
            ++r.swaps;
        }
    });
    std::atomic<pid_t> sender_tid{0};
    std::thread sender([&] {
        sender_tid = gettid();
        while (!over) {
            const std::uint64_t before = handled;
            const std::uint64_t sent = signal_all(signo, sender_tid);
            r.sent += sent;
            for (int n = 0; n < 100 && handled - before < sent; ++n) // threads do nothing else otherwise
                sched_yield();
        }
    });
    while ((r.threads < least_threads || handled < least_handled) && !(until_late && late != 0)) {
        std::array<std::thread, 8> some;
        for (auto& t : some)
            t = std::thread([] {
                for (int i = 0; i < 2000; ++i)
                    asm volatile("" ::: "memory");
            });
        for (auto& t : some)
            t.join();
        r.threads += some.size();
    }
    over = true;
    sender.join();
    swapper.join();
    r.handled = handled;
    r.late = late;
    for (const counted& c : handlers)
        r.runs += c.runs;
    return r;
}

/// Stays in its NMI until `over`.
nmi_handler holding(std::atomic<bool>& inside, std::atomic<bool>& over)
{
    return make_nmi_handler([&inside, &over](const pt_regs&, int) noexcept {
        inside = true;
        while (!over)
            sched_yield();
        return 1;
    });
}

} // namespace

TEST_CASE("signals to threads that nobody registered run published handlers only, each exactly once")
{
    const auto child = in_child(280, [] {
        const storm_result r = storm(4000, 1000, 0, true, false);
        if (r.swaps < 1000)
            return "only " + std::to_string(r.swaps) + " swaps";
        std::string text = std::to_string(r.late) + " late";
        text += r.runs == r.handled ? ", runs equal signals handled" : ", runs and signals handled differ";
        text += r.handled <= r.sent ? "" : ", more handled than sent";
        const std::string seen = std::to_string(r.threads) + " threads, " + std::to_string(r.sent) +
                                 " sent, " + std::to_string(r.handled) + " handled, " +
                                 std::to_string(r.swaps) + " swaps\n";
        static_cast<void>(!write(STDERR_FILENO, seen.data(), seen.size()));
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == "0 late, runs equal signals handled");
}

TEST_CASE("handlers that stay between their look and their use are waited for")
{
    const auto child = in_child(280, [] {
        const storm_result r = storm(400, 100, 3, true, false);
        return std::to_string(r.late) + " late";
    });
    CHECK(child.exited);
    CHECK(child.text == "0 late");
}

TEST_CASE("the same without a grace period is found, each time")
{
    for (int round = 0; round < 20; ++round) {
        const auto child = in_child(280, [] {
            const storm_result r = storm(20000, 0, 3, false, true);
            return std::string(r.late != 0 ? "late" : "not found");
        });
        CHECK(child.exited);
        CHECK(child.text == "late");
    }
}

TEST_CASE("a handler that stays in one machine does not hold up another machine's exchange")
{
    const auto child = in_child(60, [] {
        std::atomic<bool> inside{false}, over{false}, other_over{false}, own_waited{false};
        machine a({.cpus = 1, .rcu = flavor::srcu});
        machine b({.cpus = 1, .rcu = flavor::srcu, .signal_offset = 4});
        std::ignore = a.exchange(holding(inside, over));
        std::ignore = a.raise_nmi(0);
        if (!eventually([&] { return inside.load(); }))
            return std::string("the handler did not run");
        for (int i = 0; i < 100; ++i) // the other one's exchanges end, or the alarm does
            std::ignore = b.exchange(holding(inside, other_over));
        std::thread own([&] {
            std::ignore = a.exchange(nullptr);
            own_waited = over.load();
        });
        over = true;
        own.join();
        return std::string(own_waited ? "its own waited" : "its own did not wait");
    });
    CHECK(child.exited);
    CHECK(child.text == "its own waited");
}

TEST_CASE("a grace period waits for a task-level reader on a thread that nobody registered")
{
    const auto child = in_child(60, [] {
        const domain_rcu rcu(flavor::srcu);
        auto& readers = rcu.domain()->grace_periods.readers();
        const std::uint64_t steps = readers.sequence;
        const rcu_mark mark = rcu.read_lock();
        std::atomic<bool> returned{false};
        std::thread updater([&] { rcu.synchronize(), returned = true; });
        std::string text =
            eventually([&] { return readers.sequence != steps || returned; }) ? "" : "nobody looked, ";
        text += returned ? "too early" : "waits";
        rcu.read_unlock(mark);
        updater.join();
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == "waits");
}

TEST_CASE("sections of threads that share a line are all counted")
{
    const auto child = in_child(60, [] {
        constexpr std::uint64_t sections = 2'000'000;
        rcu_domain domain;
        domain.grace_periods.readers().last_line = 0;
        std::atomic<int> ready{0};
        const auto reader = [&] {
            for (++ready; ready != 4;) // all at once
                sched_yield();
            for (std::uint64_t i = 0; i < sections; ++i)
                rcu::srcu::nmi_exit(rcu::srcu::nmi_enter(domain));
        };
        std::array<std::thread, 4> threads;
        for (auto& t : threads)
            t = std::thread(reader);
        for (auto& t : threads)
            t.join();
        const auto inside =
            static_cast<std::int64_t>(domain.grace_periods.readers().lines[0].inside[0].load());
        return std::to_string(inside) + " inside";
    });
    CHECK(child.exited);
    CHECK(child.text == "0 inside");
}

TEST_CASE("a callback runs once, after the sections that had begun when it was passed")
{
    const auto child = in_child(60, [] {
        deferred d;
        const domain_rcu rcu(flavor::srcu);
        auto& readers = rcu.domain()->grace_periods.readers();
        const std::uint64_t steps = readers.sequence;
        const rcu_mark mark = rcu.read_lock();
        d.pass_to(rcu);
        std::string text =
            eventually([&] { return readers.sequence != steps || d.ran != 0; }) ? "" : "nobody looked, ";
        text += d.ran != 0 ? "too early" : "waits";
        rcu.read_unlock(mark);
        rcu.barrier();
        return text + ", ran " + std::to_string(d.ran);
    });
    CHECK(child.exited);
    CHECK(child.text == "waits, ran 1");
}

TEST_CASE("callbacks run in the order of their calls; a domain that goes runs the last of them")
{
    const auto child = in_child(60, [] {
        numbered_callbacks callbacks(100);
        {
            const domain_rcu rcu(flavor::srcu);
            callbacks.pass_to(rcu);
        }
        return callbacks.ran();
    });
    CHECK(child.exited);
    CHECK(child.text == "100 in order");
}

TEST_CASE("a worker that sleeps because there was nothing to do wakes for the next callback, each time")
{
    const auto child = in_child(60, [] { return wakes_each_time(domain_rcu(flavor::srcu)); });
    CHECK(child.exited);
    CHECK(child.text == "woke");
}
