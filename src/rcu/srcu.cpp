// SPDX-License-Identifier: MIT
#include "rcu/srcu.hpp"

#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "rcu/nmi_deferred.hpp"
#include "rcu/tables.hpp"

#include "store_then_fence.hpp" // base/<cpu family>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <csignal>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace nmisim {
namespace rcu {
namespace {

using callback = deferred_callback<srcu_platform>;
static_assert(sizeof(callback) <= sizeof(rcu_callback_head::storage));

/// A domain with call_rcu(): its worker waits for this domain's readers and for no other's.
class domain_with_worker : public rcu_domain {
public:
    domain_with_worker() = default;
    ~domain_with_worker()
    {
        if (!thread_.joinable())
            return;
        ended_.store(true, std::memory_order_relaxed); // wake() orders it
        wake();
        thread_.join();
    }
    domain_with_worker(const domain_with_worker&) = delete;
    domain_with_worker& operator=(const domain_with_worker&) = delete;

    void start()
    {
        const std::lock_guard lock(lock_);
        if (thread_.joinable())
            return;
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); // no NMI and no Ctrl-C is for this thread
        try {
            thread_ = start_thread("the thread of call_rcu", [this] { work(); });
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void call(rcu_callback_head* head, void (*fn)(rcu_callback_head*))
    {
        start();
        auto& c = *reinterpret_cast<callback*>(head);
        c.function = reinterpret_cast<void (*)(callback*)>(fn);
        if (stack_.push(c))
            wake();
    }

    /// One worker runs callbacks in the order of their calls, so one's own comes after all earlier ones.
    void barrier()
    {
        struct marker {
            rcu_callback_head head; // first
            std::mutex lock;
            std::condition_variable reached;
            bool done = false;
        } m;
        call(&m.head, [](rcu_callback_head* head) {
            auto& self = *reinterpret_cast<marker*>(head);
            const std::lock_guard lock(self.lock);
            self.done = true;
            self.reached.notify_one(); // under the lock: afterwards m may be gone
        });
        std::unique_lock lock(m.lock);
        m.reached.wait(lock, [&] { return m.done; });
    }

private:
    void wake() noexcept
    {
        // (1) seq_cst: notify_one() of libstdc++ looks whether anybody waits, and not before this; pairs with (2), (3)
        called_.fetch_add(1, std::memory_order_seq_cst);
        called_.notify_one();
    }
    void work()
    {
        pthread_setname_np(pthread_self(), "call_rcu");
        for (;;) {
            // (3) acquire: not after the look at the stack; pairs with (1)
            const std::uint32_t called = called_.load(std::memory_order_acquire);
            const bool ended = ended_.load(std::memory_order_relaxed); // ordered by (3)
            callback* c = stack_.take();
            if (c == nullptr) {
                if (ended)
                    return;
                // (2) seq_cst: not before this thread is booked as waiting; pairs with (1)
                called_.wait(called, std::memory_order_seq_cst);
                continue;
            }
            synchronize();
            while (c != nullptr) {
                callback* const next = c->next; // the function may free c
                c->function(c);
                c = next;
            }
        }
    }

    deferred_stack<srcu_platform, srcu_orders> stack_;
    std::atomic<std::uint32_t> called_{0};
    std::atomic<bool> ended_{false};
    std::mutex lock_; ///< protects thread_ while it is made
    std::thread thread_;
};

domain_with_worker& whole(rcu_domain* domain)
{
    return static_cast<domain_with_worker&>(*domain);
}

} // namespace

void srcu_platform::pause(unsigned round) noexcept
{
    constexpr unsigned spins = 1000; // about what it takes to sleep and be woken
    constexpr std::uint64_t shortest_ns = 10'000;
    constexpr unsigned doublings = 10; // to 10 ms
    if (round < spins)
        return relax();
    // Each nap as long as all before it: who waits, waits at most twice as long as it must.
    const timespec t = to_timespec(shortest_ns << std::min(round - spins, doublings));
    nanosleep(&t, nullptr);
}

const rcu_ops srcu_ops{
    flavor::srcu,
    []() {},
    []() {},
    [](rcu_domain* domain) { return rcu_mark{srcu::nmi_enter(*domain).count}; },
    [](rcu_domain*, rcu_mark mark) { srcu::nmi_exit({static_cast<srcu_count<srcu_platform>*>(mark.where)}); },
    []() {},
    []() {},
    []() {},
    [](rcu_domain* domain) { domain->synchronize(); },
    [](rcu_domain* domain) { domain->synchronize(); },
    [](rcu_domain* domain, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        whole(domain).call(head, fn);
    },
    [](rcu_domain* domain) { whole(domain).barrier(); },
    [](rcu_domain* domain) { whole(domain).start(); },
    nullptr,
    []() -> rcu_domain* { return new domain_with_worker; },
    [](rcu_domain* domain) { delete &whole(domain); },
};

} // namespace rcu

rcu_domain::rcu_domain()
{
    const long cpus = std::clamp(sysconf(_SC_NPROCESSORS_CONF), 1l, static_cast<long>(rcu::srcu_lines));
    grace_periods.readers().last_line = std::bit_ceil(static_cast<std::uint32_t>(cpus)) - 1;
}

void rcu_domain::synchronize()
{
    grace_periods.synchronize();
    rcu::grace_period_ended();
}

} // namespace nmisim
