// SPDX-License-Identifier: MIT
//
// call_rcu() of flavors nmi and srcu: callbacks wait in a stack that any thread pushes on without a lock. One worker takes
// the whole stack, waits one grace period for all of it and runs it in the order of the calls. It sleeps until there is
// something to do; it does not poll.
//
// A callback that is pushed while a batch waits belongs to the next batch, because its grace period must begin
// after the call.
//
// Platform and orders are template parameters, as in rcu/nmi_counter.hpp; how the worker sleeps is not in the model.
#pragma once

#include "base/signal_mask.hpp"
#include "base/start_thread.hpp"
#include "rcu/rcu.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace nmisim::rcu {

/// Lies in the caller's rcu_callback_head.
template <class Platform>
struct deferred_callback {
    typename Platform::template plain<deferred_callback*> next;
    void (*function)(deferred_callback*);
};

template <class Platform, class Orders>
class deferred_stack {
public:
    using callback = deferred_callback<Platform>;

    /// True if there was none: the worker may sleep. Context: any. Progress: lock-free.
    bool push(callback& c) noexcept
    {
        callback* top = top_.load(std::memory_order_relaxed); // compared below
        do
            c.next = top;
        while (!top_.compare_exchange_weak(top, &c, Orders::deferred_push, std::memory_order_relaxed));
        return top == nullptr;
    }

    /// All of them, the oldest first. Context: the worker.
    callback* take() noexcept
    {
        callback* newest = top_.exchange(nullptr, Orders::deferred_take);
        callback* oldest = nullptr;
        while (newest != nullptr) {
            callback* const before = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = before;
        }
        return oldest;
    }

private:
    typename Platform::template atomic<callback*> top_{nullptr};
};

/// The worker, and what waits for it. Context of its functions: those of rcu_ops that they serve.
template <class Platform, class Orders>
class call_rcu_worker {
public:
    /// `synchronize` is the grace period that a batch waits for.
    explicit call_rcu_worker(std::function<void()> synchronize) : synchronize_(std::move(synchronize)) {}
    /// Runs what is left, and ends the thread. Nobody calls any more.
    ~call_rcu_worker()
    {
        if (!thread_.joinable())
            return;
        ended_.store(true, std::memory_order_relaxed); // wake() orders it
        wake();
        thread_.join();
    }

    void start()
    {
        const std::lock_guard lock(lock_);
        if (thread_.joinable())
            return;
        const signals_blocked block; // no NMI and no Ctrl-C is for this thread
        thread_ = start_thread("the thread of call_rcu", [this] { work(); });
    }

    void call(rcu_callback_head* head, void (*fn)(rcu_callback_head*))
    {
        static_assert(sizeof(callback) <= sizeof(rcu_callback_head::storage));
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
    using callback = deferred_callback<Platform>;

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
            synchronize_();
            while (c != nullptr) {
                callback* const next = c->next; // the function may free c
                c->function(c);
                c = next;
            }
        }
    }

    const std::function<void()> synchronize_;
    deferred_stack<Platform, Orders> stack_;
    std::atomic<std::uint32_t> called_{0};
    std::atomic<bool> ended_{false};
    std::mutex lock_; ///< protects thread_ while it is made
    std::thread thread_;
};

} // namespace nmisim::rcu
