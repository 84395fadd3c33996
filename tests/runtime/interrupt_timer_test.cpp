// SPDX-License-Identifier: MIT
//
// Timers per thread: what they weigh, and that they end.
#include "base/signal_mask.hpp"
#include "runtime/origin.hpp"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <optional>
#include <poll.h>
#include <string>

using namespace nmisim;
using namespace nmisim::test;

namespace {

std::uint64_t cpu_ns()
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return to_ns(t);
}

void burn(std::uint64_t ns)
{
    for (const std::uint64_t end = cpu_ns() + ns; cpu_ns() < end;) {
    }
}

bool is_pending(int signo)
{
    sigset_t now;
    sigpending(&now);
    return sigismember(&now, signo) == 1;
}

constexpr std::uint64_t period_ns = 1'000'000;

} // namespace

TEST_CASE("one event of a timer weighs all its expirations", "[timer]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 2);
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = signo});
        filled<counting> s(i, t);
        std::uint64_t earliest = 0;
        if (!eventually([&] {
                earliest = cpu_ns();
                return (new attachment(i.attach_this_thread({.cpu_hz = 1000})))->error() != EAGAIN;
            }))
            return std::string("no timer to be had");
        const std::uint64_t latest = cpu_ns();
        change_mask(SIG_BLOCK, signo);
        const std::uint64_t had = t.weight;
        burn(30 * period_ns);
        if (!eventually([&] { return is_pending(signo); }))
            return std::string("no timer");
        const int runs_before = t.runs;
        const std::uint64_t at_least = (cpu_ns() - latest) / period_ns;
        change_mask(SIG_UNBLOCK, signo);
        const std::uint64_t weight = t.weight;
        const std::uint64_t at_most = (cpu_ns() - earliest) / period_ns;
        const interrupt_books b = i.books();
        std::string text =
            weight >= at_least && weight <= at_most && weight > had + 1
                ? "exact"
                : std::to_string(at_least) + ".." + std::to_string(at_most) + " " + std::to_string(weight);
        text +=
            t.runs > runs_before && b.timer_events >= static_cast<std::uint64_t>(runs_before) ? " ran" : "";
        text += b.foreign == 0 ? "" : " foreign";
        return text;
    });
    CHECK(seen.text == "exact ran");
}

TEST_CASE("timers end when their thread detaches, and when the interrupt closes", "[timer]")
{
    const bool closes = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = SIGPROF});
        std::optional<attachment> here;
        eventually([&] {
            here.reset();
            here.emplace(i.attach_this_thread({.cpu_hz = 1000}));
            return here->error() != EAGAIN;
        });
        burn(20 * period_ns);
        eventually([&] { return i.books().timer_events != 0; });
        if (closes)
            (void)i.close(patient);
        else
            here.reset();
        const interrupt_books before = i.books();
        burn(20 * period_ns);
        const interrupt_books after = i.books();
        return std::string(before.timer_events != 0 ? "some" : "none") +
               (after.timer_events == before.timer_events &&
                        after.expirations_dropped == before.expirations_dropped
                    ? " ended"
                    : " goes on");
    });
    CHECK(seen.text == "some ended");
}

TEST_CASE("what a timer sends to a thread that has left runs nothing, and is booked with its weight",
          "[timer]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        // As a timer of ours that fires while its thread leaves.
        sigevent ours{};
        ours.sigev_notify = SIGEV_THREAD_ID;
        ours.sigev_signo = SIGPROF;
        ours.sigev_value.sival_ptr = runtime::mark_of(runtime::origin::timer);
        ours._sigev_un._tid = gettid();
        timer_t timer{};
        if (!eventually([&] { return timer_create(CLOCK_THREAD_CPUTIME_ID, &ours, &timer) == 0; }))
            return std::string("no timer to be had");
        change_mask(SIG_BLOCK, SIGPROF);
        const itimerspec spec{to_timespec(period_ns), to_timespec(period_ns)};
        timer_settime(timer, 0, &spec, nullptr);
        const std::uint64_t begin = cpu_ns();
        burn(30 * period_ns);
        eventually([] { return is_pending(SIGPROF); });
        const std::uint64_t at_least = (cpu_ns() - begin) / period_ns - 1;
        change_mask(SIG_UNBLOCK, SIGPROF);
        const interrupt_books b = i.books();
        timer_delete(timer);
        return std::string(b.expirations_dropped >= at_least ? "booked" : "not booked") +
               (t.runs == 0 && b.timer_events == 0 ? "" : " run");
    });
    CHECK(seen.text == "booked");
}

TEST_CASE("a timer's event that is pending when its thread leaves is booked", "[timer]")
{
    const bool ends = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = SIGPROF});
        bool pending = false;
        std::thread([&] {
            change_mask(SIG_BLOCK, SIGPROF);
            std::optional<attachment> here;
            eventually([&] {
                here.reset();
                here.emplace(i.attach_this_thread({.cpu_hz = 1000}));
                return here->error() != EAGAIN;
            });
            burn(30 * period_ns);
            pending = eventually([&] { return is_pending(SIGPROF); });
            if (ends)
                (void)new attachment(std::move(*here));
        }).join();
        const interrupt_books b = i.books();
        return std::string(pending ? "pending" : "no timer") +
               (b.expirations_dropped != 0 && b.timer_events == 0 ? " booked" : " lost");
    });
    CHECK(seen.text == "pending booked");
}

TEST_CASE("a timer on the wall clock fires on a thread that sleeps", "[timer]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        pid_t tid = 0;
        std::thread([&] {
            tid = gettid();
            attach_timer(i, {.wall_hz = 1000});
            // It sleeps, and each event ends a sleep: on CPU time there would be none.
            for (int sleeps = 0; t.runs < 4 && sleeps < 4; ++sleeps)
                poll(nullptr, 0, 5000);
        }).join();
        return std::string(t.runs >= 4 && t.last_tid == tid ? "fires" : "silent");
    });
    CHECK(seen.text == "fires");
}
