// SPDX-License-Identifier: MIT
//
// A profiler in a program that you have: its threads know nothing of it. Built and run as a test.
#include <nmisim/slot.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

// ---- the program that you have -----------------------------------------------------------------------------------

std::atomic<bool> stop{false};
std::atomic<unsigned> work_done{0};

void worker()
{
    while (!stop)
        ++work_done;
}

// ---- the profiler ------------------------------------------------------------------------------------------------

using namespace std::chrono_literals;

struct samples {
    static constexpr std::size_t most = 4096;
    std::atomic<std::size_t> count{0};
    std::uintptr_t address[most];
    std::uint64_t weight[most];
    pid_t thread[most];

    // Runs in the signal handler of whichever thread used CPU time: async-signal-safe, and it returns.
    void operator()(const nmisim::event& e) noexcept
    {
        if (const std::size_t i = count.fetch_add(1); i < most) {
            address[i] = nmisim::instruction_pointer(e.regs);
            weight[i] = e.weight;
            thread[i] = e.tid();
        }
    }
};

std::size_t print(const samples& s)
{
    const std::size_t n = s.count < samples::most ? s.count.load() : samples::most;
    for (std::size_t i = 0; i < n && i < 3; ++i)
        std::printf("thread %d at %#jx, weight %ju\n", s.thread[i], s.address[i], s.weight[i]);
    return n;
}

int main()
{
    std::thread one(worker);
    std::thread two(worker);

    nmisim::interrupt profile({.signal = SIGPROF});
    nmisim::slot<samples> buffer(profile);
    (void)buffer.exchange(nmisim::make<samples>(), 1s);
    const nmisim::process_threads all =
        profile.attach_process({.cpu_hz = 1000}); // from here on it is sampled
    if (all.error != 0) {
        std::printf("%ju threads have no timer: %s\n", all.failed, std::strerror(all.error));
        return 77; // the user's queue of signals is full
    }
    std::size_t taken = 0;
    while (taken < 20) {
        // The old buffer comes back when no handler uses it: read it, free it, no lock.
        auto [result, old] = buffer.exchange(nmisim::make<samples>(), 10s);
        if (old)
            taken += print(*old);
    }
    stop = true;
    one.join();
    two.join();
    const nmisim::interrupt_books b = profile.books();
    std::printf("%ju threads; %ju samples stand for %ju expirations\n", all.attached, b.timer_events,
                b.expirations);
    return all.attached == 3 && b.timer_events >= taken ? 0 : 1;
}
