// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/thread_block.hpp"

namespace nmisim::runtime {

/// Of each key: the thread ends. Blocks the signal, and leaves it blocked.
extern "C" void thread_ends(void* block);

/// The calling thread leaves: signal blocked, timer deleted, tid taken off, pending signals taken off and booked; what is
/// foreign among them is sent on to the process. Context: control; with the signal blocked; not in a handler.
void leave(interrupt_state& state, thread_block& block) noexcept;

} // namespace nmisim::runtime
