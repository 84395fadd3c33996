// SPDX-License-Identifier: MIT
#include "exec/trace/arch.hpp"

namespace nmisim::exec {

std::uintptr_t errno_address(pid_t /*tid*/, const saved_registers& /*r*/,
                             std::uintptr_t /*function*/) noexcept
{
    return 0;
}

} // namespace nmisim::exec
