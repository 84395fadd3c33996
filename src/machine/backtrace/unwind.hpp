// SPDX-License-Identifier: MIT
//
// The second half of a backtrace (nmi/record/stack_snapshot.hpp): from a copy of registers and stack to return
// addresses. unwind_libunwind.cpp where libunwind was found at build time; unwind_none.cpp knows the interrupted
// instruction only.
#pragma once

#include "nmi/record/stack_snapshot.hpp"

#include <cstdint>
#include <vector>

namespace nmisim {

/// Innermost first; return addresses but for the first. Empty if nothing was taken.
/// Context: control (allocates, takes the loader's lock). Errors: none; a stack that cannot be unwound is short.
std::vector<std::uintptr_t> unwind(const stack_snapshot& from);

/// One past the highest address of the calling thread's stack, 0 if that cannot be told. Context: control, vcpu.
std::uintptr_t stack_end_of_this_thread() noexcept;

} // namespace nmisim
