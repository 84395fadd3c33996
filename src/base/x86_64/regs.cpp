// SPDX-License-Identifier: MIT
#include "nmisim/regs.hpp"

namespace nmisim {

std::uintptr_t instruction_pointer(const pt_regs& regs) noexcept
{
    return regs.uc == nullptr ? 0 : static_cast<std::uintptr_t>(regs.uc->uc_mcontext.gregs[REG_RIP]);
}

std::uintptr_t user_stack_pointer(const pt_regs& regs) noexcept
{
    return regs.uc == nullptr ? 0 : static_cast<std::uintptr_t>(regs.uc->uc_mcontext.gregs[REG_RSP]);
}

} // namespace nmisim
