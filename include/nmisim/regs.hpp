// SPDX-License-Identifier: MIT
//
// The interrupted context, as an NMI handler sees it: the kernel's struct pt_regs, here the ucontext_t that
// the signal frame holds.
#pragma once

#include "nmisim/export.hpp"

#include <cstdint>
#include <ucontext.h>

namespace nmisim {

struct pt_regs {
    /// Full machine state of the interrupted code. Null only where do_nmi is called by hand.
    const ucontext_t* uc = nullptr;
};

/// Address of the interrupted instruction, 0 without a context. Context: any. Kernel: asm/ptrace.h.
NMISIM_API std::uintptr_t instruction_pointer(const pt_regs& regs) noexcept;
/// Stack pointer of the interrupted code, 0 without a context. Context: any.
NMISIM_API std::uintptr_t user_stack_pointer(const pt_regs& regs) noexcept;

} // namespace nmisim
