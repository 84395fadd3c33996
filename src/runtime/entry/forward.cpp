// SPDX-License-Identifier: MIT
#include "base/program_handler.hpp"
#include "runtime/entry/arrival.hpp"

namespace nmisim::runtime {

bool forward(interrupt_state& state, siginfo_t& info, void* context) noexcept
{
    const struct sigaction& action = state.previous;
    if (!is_program_handler(action))
        return false;
    const auto reset = static_cast<int>(SA_RESETHAND);
    if ((action.sa_flags & reset) != 0 &&
        state.previous_is_used_up.exchange(true, std::memory_order_relaxed)) // a claim, nothing with it
        return false;
    call_program_handler(action, state.signo, &info, context);
    return true;
}

} // namespace nmisim::runtime
