// SPDX-License-Identifier: MIT
#include "nmi/record/stack_snapshot.hpp"
#include "nmisim/regs.hpp"

namespace nmisim {

void copy_registers(stack_snapshot& out, const pt_regs& regs) noexcept
{
    for (std::size_t i = 0; i < 31; ++i)
        out.registers[i] = regs.uc->uc_mcontext.regs[i];
    out.registers[31] = regs.uc->uc_mcontext.sp;
    out.registers[32] = regs.uc->uc_mcontext.pc;
}

} // namespace nmisim
