// SPDX-License-Identifier: MIT
//
// call_rcu() of flavor nmi: callbacks wait in a stack that any thread pushes on without a lock. One worker takes the
// whole stack, waits one grace period for all of it and runs it in the order of the calls. It sleeps until there is
// something to do; it does not poll.
//
// A callback that is pushed while a batch waits belongs to the next batch, because its grace period must begin
// after the call.
#pragma once

#include <atomic>

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

} // namespace nmisim::rcu
