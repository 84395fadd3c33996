// SPDX-License-Identifier: MIT
//
// A program of other people's code, run twice: as it is, and with all its threads sampled on CPU time while the buffer of
// the samples is swapped as fast as it goes. Its result must be the same, each sample must be in one buffer, and the
// weights must add up to the expirations that the books know of.
#pragma once

#include "base/signal_mask.hpp"
#include "nmisim/slot.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <thread>
#include <utility>

#include <unistd.h>

namespace nmisim::test {

/// What all buffers held together.
struct sample_sum {
    std::atomic<std::uint64_t> swaps{0}; ///< made
    std::atomic<pid_t> swapper{0};       ///< the thread that makes them
    std::atomic<int> stays{20};          ///< handlers on other threads that are still to stay for some swaps
    std::atomic<std::uint64_t> events{0};
    std::atomic<std::uint64_t> weight{0};
    std::atomic<std::uint64_t> used_after{0}; ///< buffers that a handler used while they were destroyed
};

/// What the handler fills: one for each time between two swaps. What was in it is added up when it goes.
class sample_buffer {
public:
    explicit sample_buffer(sample_sum& sum) noexcept : sum_(&sum) {}
    ~sample_buffer()
    {
        sum_->used_after += inside_ != 0 ? 1 : 0;
        sum_->events += events_;
        sum_->weight += weight_;
    }
    sample_buffer(const sample_buffer&) = delete;
    sample_buffer& operator=(const sample_buffer&) = delete;
    void operator()(const event& e) noexcept
    {
        ++inside_;
        ++events_;
        weight_ += e.weight;
        // Long enough for some swaps: one that does not wait frees the buffer under it. The first handlers beside the swapper
        // sleep, so that it gets a CPU, until three swaps were made: a right swap waits for them, so they see one at most.
        sample_sum& sum = *sum_;
        const std::uint64_t made = sum.swaps;
        if (e.known_tid != sum.swapper && sum.stays.fetch_sub(1) > 0)
            for (int n = 0; n < 20 && sum.swaps < made + 3; ++n) {
                const timespec a_while{0, 1'000'000};
                nanosleep(&a_while, nullptr);
            }
        for (volatile int n = 0; n < 20'000;)
            n = n + 1;
        --inside_;
    }

private:
    sample_sum* sum_;
    std::atomic<std::uint64_t> events_{0};
    std::atomic<std::uint64_t> weight_{0};
    std::atomic<int> inside_{0};
};

inline bool say(bool holds, const char* what)
{
    if (!holds)
        std::printf("not so: %s\n", what);
    return holds;
}

/// `work` returns a value that can be compared. Returns the exit code.
template <class Work>
int sampled(Work work)
{
    const auto expected = work();
    interrupt profile({.signal = SIGPROF});
    slot<sample_buffer> buffer(profile);
    sample_sum sum;
    const deadline patient(20'000'000'000);
    (void)buffer.exchange(make<sample_buffer>(sum), patient);
    constexpr attach_options options{.cpu_hz = 1000};
    if (profile.attach_process(options).error == EAGAIN) {
        std::puts("skipped: the user's queue of signals is full, and a timer needs a place there");
        return 77;
    }
    std::atomic<bool> stop{false};
    std::uint64_t swaps = 0, not_drained = 0;
    std::thread swapper([&] {
        sum.swapper = gettid();
        for (; !stop; ++swaps, ++sum.swaps) {
            not_drained +=
                buffer.exchange(make<sample_buffer>(sum), patient).result != outcome::drained ? 1 : 0;
            // Threads that begin are attached by pthread_create()'s hook; this is for a build without it.
            if (swaps % 256 == 0)
                (void)profile.attach_process(options);
        }
    });
    bool same = true;
    std::uint64_t rounds = 0;
    const std::time_t begin = std::time(nullptr);
    do {
        same = work() == expected && same;
        ++rounds;
    } while (profile.books().timer_events < 50 && std::time(nullptr) - begin < 60);
    stop = true;
    swapper.join();
    // The program's threads are idle or gone, and this one takes no more events: the last buffer holds the rest.
    change_mask(SIG_BLOCK, SIGPROF);
    for (std::uint64_t before = 0; before != profile.books().timer_events;)
        before = profile.books().timer_events;
    const outcome closed = profile.close(patient);
    const interrupt_books b = profile.books();
    std::printf("%ju rounds, %ju swaps, %ju samples of %ju, weights %ju of %ju expirations\n",
                std::uintmax_t{rounds}, std::uintmax_t{swaps}, std::uintmax_t{sum.events},
                std::uintmax_t{b.timer_events}, std::uintmax_t{sum.weight}, std::uintmax_t{b.expirations});
    bool good = say(same, "the program's result is the same");
    good = say(closed == outcome::drained && not_drained == 0, "each swap and the close are drained") && good;
    good = say(sum.used_after == 0, "no handler uses a buffer that was handed out") && good;
    good =
        say(sum.events == b.timer_events && sum.weight == b.expirations, "weights are expirations") && good;
    good = say(b.raised == b.handled + b.dropped && b.foreign == 0, "the books balance") && good;
    good = say(b.timer_events >= 50, "it was sampled") && good;
    return good ? 0 : 1;
}

} // namespace nmisim::test
