// SPDX-License-Identifier: MIT
//
// The kernel timers of an attached thread: one that samples, and for a thread that others attached one that tells of its
// end. A timer is made for a thread by number, with SIGEV_THREAD_ID and the clock of that thread's CPU time: no code runs
// in it.
//
//   witness  sends nothing and never expires. The kernel keeps it with the thread and not with the number: when the thread
//            has gone there is no time left to tell, also if another thread has the number by then. Linux only.
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// As `options` ask, not running yet; nothing if there is one or none is asked for. 0, or the errno; EINVAL where this
/// process has no such thread. Under the control lock, as the others here.
int make_timer(interrupt_state& state, thread_block& block, const attach_options& options,
               pid_t tid) noexcept;
int start_timer(thread_block& block, const attach_options& options) noexcept;
/// A timer that is in no block any more, so nobody else ends it.
struct own_timer {
    bool armed = false;
    timer_t timer{};
    /// Without the control lock as well.
    void end() const noexcept
    {
        if (armed)
            timer_delete(timer);
    }
};
/// None, if there is none.
own_timer take_timer(thread_block& block) noexcept;
/// From any thread.
void delete_timer(thread_block& block) noexcept;

/// 0, or the errno, as make_timer().
int make_witness(interrupt_state& state, thread_block& block, pid_t tid) noexcept;
/// True if the thread that the witness was made for has gone.
bool witness_says_ended(const thread_block& block) noexcept;
/// Nothing, if there is none.
void delete_witness(interrupt_state& state, thread_block& block) noexcept;

} // namespace nmisim::runtime
