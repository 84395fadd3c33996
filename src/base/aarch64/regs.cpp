// SPDX-License-Identifier: MIT
#include "nmisim/regs.hpp"

namespace nmisim {

std::uintptr_t instruction_pointer(const pt_regs& regs) noexcept
{
    return regs.uc == nullptr ? 0 : regs.uc->uc_mcontext.pc;
}

std::uintptr_t user_stack_pointer(const pt_regs& regs) noexcept
{
    return regs.uc == nullptr ? 0 : regs.uc->uc_mcontext.sp;
}

} // namespace nmisim
