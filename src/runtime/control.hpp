// SPDX-License-Identifier: MIT
//
// Opening, draining and closing an interrupt: what the C++ and the C face have in common.
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// Null with the errno in `error`. `opening` says which life of the state this is. Context: control.
interrupt_state* open_interrupt(int signo, std::uint64_t& opening, int& error) noexcept;
outcome close_interrupt(interrupt_state& state, std::uint64_t opening, deadline limit) noexcept;
outcome drain(interrupt_state& state, deadline limit) noexcept;

/// Since it was opened. Context: control.
interrupt_books read_books(interrupt_state& state) noexcept;
/// Since the state was made; what counts only. Context: any.
interrupt_books count_all(interrupt_state& state) noexcept;

/// Once per process: fork() in this program keeps the library whole.
void watch_forks() noexcept;

} // namespace nmisim::runtime
