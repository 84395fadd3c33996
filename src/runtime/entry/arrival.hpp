// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// The signal handler. Context: nmi. Progress: wait-free but for handlers; errno is kept.
void arrive(int signo, siginfo_t* info, void* context) noexcept;

/// What is none of ours goes to the handler that was there before, with its flags and mask; false where there is none.
/// Context: nmi, outside of sections: that handler may sleep or jump away.
bool forward(interrupt_state& state, siginfo_t& info, void* context) noexcept;

} // namespace nmisim::runtime
