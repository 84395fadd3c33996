// SPDX-License-Identifier: MIT
//
// All threads of the process: those that are there, by /proc/self/task, and those that begin later, if somebody calls
// thread_begins() in them. The wish is stored before the look, so a thread is met by one of the two.
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// interrupt::attach_process(). Context: control.
process_threads attach_process(interrupt_state& state, std::uint64_t opening,
                               const attach_options& options) noexcept;

/// nmisim_thread_begins(): the calling thread attaches wherever the process is attached. Context: control.
void thread_begins() noexcept;

} // namespace nmisim::runtime
