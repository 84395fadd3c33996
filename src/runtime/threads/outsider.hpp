// SPDX-License-Identifier: MIT
//
// Threads that others attached, "from outside". No code of ours has run in them, so they have no key with a destructor,
// and nobody is told of their end: whoever counts, waits or attaches looks for it.
//
//   attached   the block has its tid and a witness (thread_timer.hpp); a handler finds it by tid
//   adopted    the thread attaches itself as well: it has the key now, and leaves by itself (attach.cpp)
//   ended      the witness says so: the tid is taken off, and raises under way may still hold the block
//   settled    none does: what was sent and not handled died with the thread and is booked, the block is given back
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// What became of one thread.
enum class attaching { done, already, ended, failed };

/// The thread `tid`, whichever it is; `error` says why it failed. Context: control.
attaching attach_from_outside(interrupt_state& state, std::uint64_t opening, pid_t tid,
                              const attach_options& options, int& error) noexcept;

/// The calling thread by itself, once for the process however often. Under the control lock.
attaching attach_self(interrupt_state& state, const attach_options& options, int& error) noexcept;

/// The calling thread's block gets the key, if others attached it; null if nobody did. Under the control lock.
thread_block* adopt(interrupt_state& state, pid_t tid, int& error) noexcept;

/// Settles the block if its thread has ended and nobody holds it. Never waits. Under the control lock.
void settle_if_ended(interrupt_state& state, thread_block& block) noexcept;
/// The same with all of them. Context: control.
void settle_ended(interrupt_state& state) noexcept;

} // namespace nmisim::runtime
