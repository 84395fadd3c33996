// SPDX-License-Identifier: MIT
//
// A profiler in a program that exists: its threads are its own, and two lines in each of them make it sampled on CPU
// time. The buffer is swapped while the samples go on; exchange() hands the old one out when no handler uses it.
#include <nmisim/slot.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

struct samples {
    static constexpr std::size_t most = 1024;
    std::array<std::uintptr_t, most> address{};
    std::array<std::uint64_t, most> weight{};
    std::atomic<std::size_t> count{0};

    // Runs in the signal handler: async-signal-safe, and it returns.
    void operator()(const nmisim::event& e) noexcept
    {
        const std::size_t i = count.fetch_add(1);
        if (i < most) {
            address[i] = nmisim::instruction_pointer(e.regs);
            weight[i] = e.weight; // expirations: one, and those that came too late for an event of their own
        }
    }
};

std::atomic<bool> stop{false};
nmisim::interrupt profile({.signal = SIGPROF});

void work()
{
    const auto here = profile.attach_this_thread({.cpu_hz = 1000}); // gone with the thread
    if (!here) {
        std::printf("no timer for this thread: %s\n",
                    std::strerror(here.error())); // the user's queue may be full
        std::exit(77);
    }
    for (std::atomic<unsigned> x{0}; !stop;)
        ++x;
}

int main()
{
    nmisim::slot<samples> buffer(profile);
    (void)buffer.exchange(nmisim::make<samples>(), 1s);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back(work);

    std::uint64_t expirations = 0;
    std::uint64_t events = 0;
    const auto take = [&](nmisim::owned<samples> fresh) {
        const auto [result, old] = buffer.exchange(std::move(fresh), 10s);
        if (result != nmisim::outcome::drained)
            std::printf("%s\n", nmisim::to_string(result));
        for (std::size_t i = 0; old && i < old->count && i < samples::most; ++i, ++events)
            expirations += old->weight[i];
    };
    while (events < 100)
        take(nmisim::make<samples>());
    stop = true;
    for (std::thread& t : threads)
        t.join();
    take({});

    const nmisim::interrupt_books b = profile.books();
    std::printf("%ju samples stand for %ju expirations; the books say %ju and %ju\n", events, expirations,
                b.timer_events, b.expirations);
    return events == b.timer_events && expirations == b.expirations ? EXIT_SUCCESS : EXIT_FAILURE;
}
