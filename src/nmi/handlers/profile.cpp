// SPDX-License-Identifier: MIT
#include "nmi/handlers/profile.hpp"

#include "nmi/handlers/checked_handler.hpp"

namespace nmisim {

int profile_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    static_cast<profile_buffer*>(static_cast<checked_handler&>(self).job)
        ->add(instruction_pointer(regs), cpu);
    return checked_call(self, regs, cpu);
}

} // namespace nmisim
