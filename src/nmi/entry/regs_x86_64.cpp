// SPDX-License-Identifier: MIT
#include "nmi/record/stack_snapshot.hpp"
#include "nmisim/regs.hpp"

namespace nmisim {

void copy_registers(stack_snapshot& out, const pt_regs& regs) noexcept
{
    static constexpr std::array order{REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                      REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (std::size_t i = 0; i < order.size(); ++i)
        out.registers[i] = static_cast<std::uintptr_t>(regs.uc->uc_mcontext.gregs[order[i]]);
}

} // namespace nmisim
