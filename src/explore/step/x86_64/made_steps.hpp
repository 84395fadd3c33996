// SPDX-License-Identifier: MIT
//
// What steps.cpp and made_steps.cpp ask of each other. The first makes steps by breakpoints, the second in the handler.
#pragma once

#include "explore/decode/successors_x86_64.hpp"

#include <ucontext.h>

namespace nmisim::explore::arch {

x86_registers registers_of(const ucontext_t& at) noexcept;

/// The calling thread's steps are made by breakpoints where they can be.
bool steps_by_breakpoints() noexcept;

/// From now on steps are made in the handler where they can be. Context: control, in the child process.
void prepare_made_steps(bool wanted) noexcept;

} // namespace nmisim::explore::arch
