// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// The signal handler. Context: nmi. Progress: wait-free but for handlers; errno is kept.
void arrive(int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim::runtime
