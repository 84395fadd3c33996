// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

namespace nmisim {

std::size_t unwind_interrupted(const pt_regs& regs, std::uintptr_t* frames, std::size_t size) noexcept
{
    if (size == 0 || regs.uc == nullptr)
        return 0;
    frames[0] = instruction_pointer(regs);
    return 1;
}

void warm_up_unwinder() noexcept {}

} // namespace nmisim
