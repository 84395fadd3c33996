// SPDX-License-Identifier: MIT
#include "nmi/handlers/cpu_backtrace.hpp"

#include "nmi/handlers/checked_handler.hpp"

namespace nmisim {

bool nmi_cpu_backtrace(backtrace_board& board, const pt_regs& regs, int cpu) noexcept
{
    backtrace_slot& slot = board.of[static_cast<std::size_t>(cpu)];
    // (1) acquire: the asker is done with the slot; pairs with machine/backtrace/trigger_backtrace.cpp(1)
    if (!slot.wanted.load(std::memory_order_acquire)) [[likely]]
        return false;
    take_snapshot(slot.stack, regs, this_cpu->stack_end);
    ++slot.served;
    // (2) release: the snapshot; pairs with machine/backtrace/trigger_backtrace.cpp(2)
    slot.wanted.store(false, std::memory_order_release);
    return true;
}

int backtrace_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    nmi_cpu_backtrace(*static_cast<backtrace_board*>(static_cast<checked_handler&>(self).job), regs, cpu);
    return checked_call(self, regs, cpu);
}

} // namespace nmisim
