// SPDX-License-Identifier: MIT
//
// Threads that are registered with RCU, beside a machine's vCPUs: idle ones (asleep, and offline if the flavor has
// that), and busy ones that read for about 100 ns out of every 400 and announce a quiescent state between.
#pragma once

#include "base/signal_mask.hpp"
#include "rcu/rcu.hpp"

#include <atomic>
#include <sched.h>
#include <thread>
#include <vector>

namespace nmisim::bench {

inline void pin_to(int cpu) noexcept
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one); // refused: more noise, nothing wrong
}

/// On lines of its own: it lies on the writer's stack, and busy readers look at it.
class alignas(128) helper_threads {
public:
    /// In the domain of those whose grace periods are measured.
    helper_threads(const domain_rcu& rcu, int idle, int busy) : rcu_(rcu)
    {
        const signals_blocked block;
        for (int i = 0; i < idle; ++i)
            threads_.emplace_back([this] { be_idle(); });
        for (int i = 0; i < busy; ++i)
            threads_.emplace_back([this] { be_busy(); });
        while (ready_.load(std::memory_order_relaxed) !=
               idle + busy) // registered: the lock of the registry orders it
            sched_yield();
    }
    ~helper_threads()
    {
        end_.store(true, std::memory_order_relaxed); // a flag
        end_.notify_all();
        for (auto& t : threads_)
            t.join();
    }
    helper_threads(const helper_threads&) = delete;
    helper_threads& operator=(const helper_threads&) = delete;

    /// CPU time of the last busy reader so far.
    std::uint64_t busy_cpu_ns() const noexcept { return busy_cpu_ns_.load(std::memory_order_relaxed); }

private:
    static void spin(unsigned rounds) noexcept
    {
        for (unsigned i = 0; i < rounds; ++i)
            asm volatile("" ::: "memory");
    }
    void be_idle()
    {
        rcu_.register_thread();
        rcu_.thread_offline();
        ready_.fetch_add(1, std::memory_order_relaxed); // counted by the constructor only
        end_.wait(false, std::memory_order_relaxed);
        rcu_.thread_online();
        rcu_.unregister_thread();
    }
    void be_busy()
    {
        pin_to(1);
        const domain_rcu& rcu = rcu_;
        rcu.register_thread();
        ready_.fetch_add(1, std::memory_order_relaxed); // as above
        while (!end_.load(std::memory_order_relaxed)) {
            for (int i = 0; i < 64; ++i) {
                const rcu_mark mark = rcu.read_lock();
                spin(300);
                rcu.read_unlock(mark);
                rcu.quiescent_state();
                spin(900);
            }
            timespec t;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            busy_cpu_ns_.store(to_ns(t), std::memory_order_relaxed); // for people
        }
        rcu.unregister_thread();
    }

    const domain_rcu& rcu_;
    std::atomic<int> ready_{0};
    std::atomic<bool> end_{false};
    std::atomic<std::uint64_t> busy_cpu_ns_{0};
    std::vector<std::thread> threads_;
};

} // namespace nmisim::bench
