// SPDX-License-Identifier: MIT
//
// Tells ThreadSanitizer what RCU orders. It follows atomics and locks of instrumented code. liburcu uses asm and
// volatile accesses, half of them in a library that is not instrumented, and ThreadSanitizer follows no fences. So it
// takes each free after a grace period for a race with the readers before it. These are the orders it misses:
//
//   a section, or a vCPU's work up to a quiescent state  ->  whoever waited for a grace period    section_ends
//   what call_rcu's caller stored                        ->  the callback                         callback_passed
//   the callback                                         ->  whoever waited for all callbacks     callbacks_have_run
//
// These orders are told, not checked: ThreadSanitizer then believes that liburcu's grace periods are long enough. It
// reports who frees without one, reads without being a reader, or publishes without an order. A token is released by
// every reader and acquired by every updater, so an updater may be taken for ordered after a section that began too
// late for its grace period. That hides races of such a section only if it also ended before the updater's next step.
//
// Accesses to liburcu's own data are ignored (its inline readers are instrumented with the file that includes them):
// inside_liburcu.
//
// Sibling: rcu/annotations_none, which is empty.
#pragma once

#include "rcu/rcu.hpp"

#include <cstring>

extern "C" void __tsan_acquire(void* token); // libtsan; <sanitizer/tsan_interface.h>
extern "C" void __tsan_release(void* token);
extern "C" void __tsan_ignore_thread_begin();
extern "C" void __tsan_ignore_thread_end();

namespace nmisim::rcu {

inline char sections_token;
inline char callbacks_token;

/// While it lives, this thread's accesses are not looked at. Context: any.
struct inside_liburcu {
    inside_liburcu() noexcept { __tsan_ignore_thread_begin(); }
    ~inside_liburcu() { __tsan_ignore_thread_end(); }
    inside_liburcu(const inside_liburcu&) = delete;
    inside_liburcu& operator=(const inside_liburcu&) = delete;
};

/// Before the reader's mark is taken away, or a quiescent state is announced. Context: any.
inline void section_ends() noexcept
{
    __tsan_release(&sections_token);
}

/// After synchronize_rcu(), and before a callback runs.
inline void grace_period_ended() noexcept
{
    __tsan_acquire(&sections_token);
}

using callback_function = void (*)(rcu_callback_head*);
/// The caller's function goes where liburcu's head ends.
inline constexpr std::size_t callback_room = sizeof(rcu_callback_head::storage) - sizeof(callback_function);

/// What to pass to call_rcu() in place of `fn`. Context: as call_rcu().
inline callback_function callback_passed(rcu_callback_head* head, callback_function fn) noexcept
{
    std::memcpy(head->storage + callback_room, &fn, sizeof fn);
    __tsan_release(head);
    return [](rcu_callback_head* ready) {
        __tsan_acquire(ready);
        grace_period_ended();
        callback_function function = nullptr;
        std::memcpy(&function, ready->storage + callback_room, sizeof function);
        function(ready); // may free it
        __tsan_release(&callbacks_token);
    };
}

/// After rcu_barrier().
inline void callbacks_have_run() noexcept
{
    __tsan_acquire(&callbacks_token);
}

} // namespace nmisim::rcu
