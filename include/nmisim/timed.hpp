// SPDX-License-Identifier: MIT
//
// A stopwatch around a handler, for those who ask for one: two system calls an event. It keeps the longest run.
//
//     nmisim::slot<nmisim::timed<samples>> buffer(prof);
//     auto [result, old] = buffer.exchange(nmisim::make<nmisim::timed<samples>>(), 100ms);
//     old->longest_ns(); old->handler;
//
// Kernel: nmi_check_duration(), whose clock runs on when the CPU is taken away; this one is the thread's CPU time.
#pragma once

#include "nmisim/slot.hpp"

#include <ctime>

namespace nmisim {

template <class T>
class timed {
public:
    template <class... Arguments>
    explicit timed(Arguments&&... arguments) : handler(static_cast<Arguments&&>(arguments)...)
    {}

    void operator()(const event& e) noexcept
    {
        const std::uint64_t begin = cpu_ns();
        handler(e);
        const std::uint64_t took = cpu_ns() - begin;
        // Threads run it at once: the larger one stays.
        std::uint64_t longest = __atomic_load_n(&longest_ns_, __ATOMIC_RELAXED);
        while (took > longest && !__atomic_compare_exchange_n(&longest_ns_, &longest, took, true,
                                                              __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }

    /// CPU time of the longest run so far.
    std::uint64_t longest_ns() const noexcept { return __atomic_load_n(&longest_ns_, __ATOMIC_RELAXED); }

    T handler;

private:
    static std::uint64_t cpu_ns() noexcept
    {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(now.tv_nsec);
    }

    std::uint64_t longest_ns_ = 0;
};

} // namespace nmisim
