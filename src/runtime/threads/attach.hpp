// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// The calling thread's block, with one hold more; null with `error`. Context: control.
thread_block* attach(interrupt_state& state, std::uint64_t opening, const attach_options& options,
                     int& error) noexcept;
/// The same, under the control lock and on an interrupt that is open.
thread_block* attach_here(interrupt_state& state, const attach_options& options, int& error) noexcept;
/// One hold less; leaves with the last one. On another thread, or of another life of the block, nothing. Context: any.
void detach(thread_block& block, std::uint64_t incarnation) noexcept;
/// True while the interrupt is the same one that was opened then.
bool is_open(const interrupt_state& state, std::uint64_t opening) noexcept;

/// Of each key: the thread ends. Tid and timer go, pending signals are taken off and booked; what is foreign among them is
/// sent on to the process. Blocks the signal, and leaves it blocked.
extern "C" void thread_ends(void* block);

} // namespace nmisim::runtime
