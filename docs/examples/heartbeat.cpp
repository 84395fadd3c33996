// SPDX-License-Identifier: MIT
//
// A watchdog for one of a program's own threads. A timer on the wall clock interrupts it; if the last few interrupts saw no
// heartbeat, the place where it is stuck is stored. The limit is data of the handler, and is swapped while the timer
// goes on. Built and run as a test.
#include <nmisim/slot.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

using namespace std::chrono_literals;

struct heart {
    std::atomic<std::uint64_t> beats{0};
    std::atomic<std::uintptr_t> stuck_at{0};
    std::atomic<unsigned> looks{0};
};

/// One object for one watched thread: an interrupt's handler never runs twice at a time on one thread.
struct watchdog {
    unsigned limit; ///< interrupts in a row without a heartbeat
    std::uint64_t seen = 0;
    unsigned missed = 0;

    void operator()(const nmisim::event& e) noexcept
    {
        auto& watched = *static_cast<heart*>(e.user);
        const std::uint64_t now = watched.beats.load(std::memory_order_relaxed);
        missed = now == seen ? missed + static_cast<unsigned>(e.weight) : 0;
        seen = now;
        if (missed >= limit)
            watched.stuck_at.store(nmisim::instruction_pointer(e.regs), std::memory_order_relaxed);
        watched.looks.fetch_add(1, std::memory_order_release);
    }
};

int main()
{
    nmisim::interrupt watch({.signal = nmisim::rt(3)});
    nmisim::slot<watchdog> dog(watch);
    (void)dog.exchange(nmisim::make<watchdog>(watchdog{1'000'000}), 1s);

    heart h;
    std::atomic<bool> stuck{false};
    std::atomic<bool> stop{false};
    std::atomic<int> error{-1};
    std::thread worker([&] {
        const auto here = watch.attach_this_thread({.wall_hz = 200, .user = &h});
        error = here.error();
        while (!stop)
            if (!stuck)
                ++h.beats;
    });
    while (error == -1)
        std::this_thread::yield();
    if (error != 0) {
        std::printf("no timer: %s\n", std::strerror(error));
        stop = true;
        worker.join();
        return 77; // the user's queue of signals is full
    }
    while (h.looks < 20)
        std::this_thread::sleep_for(1ms);
    const bool false_alarm = h.stuck_at != 0;

    // Stricter from the next interrupt on; no interrupt sees the old limit with the new state.
    const auto [result, old] = dog.exchange(nmisim::make<watchdog>(watchdog{5}), 10s);
    stuck = true;
    while (h.stuck_at == 0)
        std::this_thread::sleep_for(1ms);
    std::printf("stuck at %#jx\n", h.stuck_at.load());
    stop = true;
    worker.join();
    return !false_alarm && result == nmisim::outcome::drained ? 0 : 1;
}
