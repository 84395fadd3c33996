// SPDX-License-Identifier: MIT
//
// A counter that a thread and the signals that interrupt it both write. A separate load and store would lose what a
// signal adds in between. A few thousand signals show this, and the test sends more.
#include "base/counter.hpp"

#include "base/clock.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <csignal>
#include <ctime>
#include <string>

using nmisim::counter;

namespace {

counter shared;
std::atomic<std::uint64_t> by_signal{0};

} // namespace

TEST_CASE("a counter loses nothing to the NMI that interrupts its own thread")
{
    const auto child = nmisim::test::in_child(60, [] {
        struct sigaction action {};
        action.sa_handler = [](int) {
            ++shared;
            // only this handler writes it
            by_signal.store(by_signal.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        };
        sigaction(SIGRTMIN, &action, nullptr);
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGRTMIN;
        timer_t timer{};
        const itimerspec often{{0, 20'000}, {0, 20'000}};
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
            timer_settime(timer, 0, &often, nullptr) != 0)
            return std::string("no timer");
        std::uint64_t own = 0;
        const std::uint64_t deadline_ns = nmisim::now_ns() + 20 * nmisim::nsec_per_sec;
        while (by_signal.load(std::memory_order_relaxed) < 10'000 && nmisim::now_ns() < deadline_ns)
            for (int i = 0; i < 1'000; ++i, ++own)
                ++shared;
        timer_delete(timer); // none comes after it
        const std::uint64_t signals = by_signal.load(std::memory_order_relaxed);
        return shared.read() == own + signals && signals >= 1'000
                   ? std::string("exact")
                   : std::to_string(own) + " + " + std::to_string(signals) + " counted as " +
                         std::to_string(shared.read());
    });
    CHECK(child.exited);
    CHECK(child.text == "exact");
}
