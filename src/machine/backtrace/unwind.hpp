// SPDX-License-Identifier: MIT
//
// The second half of a backtrace (nmi/record/stack_snapshot.hpp): from a copy of registers and stack to return
// addresses. Meson picks unwind_libunwind.cpp if libunwind was found; unwind_none.cpp gives only the interrupted
// instruction.
#pragma once

#include "nmi/record/stack_snapshot.hpp"

#include <cstdint>
#include <vector>

namespace nmisim {

/// Innermost first; all but the first are return addresses. Empty if nothing was taken.
/// Context: control (allocates, takes the loader's lock). Errors: none; a stack that cannot be unwound is short.
std::vector<std::uintptr_t> unwind(const stack_snapshot& from);

/// One past the highest address of the calling thread's stack, 0 if that is not known. Context: control, vcpu.
std::uintptr_t stack_end_of_this_thread() noexcept;

} // namespace nmisim
