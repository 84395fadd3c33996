// SPDX-License-Identifier: MIT
#include "machine/interrupt_signal.hpp"

#include "runtime/control_lock.hpp"
#include "runtime/entry/forward.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace nmisim {

interrupt_signal::interrupt_signal(int offset, runtime::signal_handler handler, const char* purpose,
                                   const sigset_t& masked, runtime::handler_stack stack)
    : signo_(SIGRTMIN + offset)
{
    if (offset < 0 || signo_ > SIGRTMAX)
        throw std::invalid_argument("no real-time signal SIGRTMIN+" + std::to_string(offset) + " for the " +
                                    purpose + ": the last is SIGRTMIN+" +
                                    std::to_string(SIGRTMAX - SIGRTMIN));
    int error = 0;
    {
        const runtime::control_section section;
        error = runtime::take_signal(signo_, handler, masked, stack);
    }
    if (error == EBUSY)
        throw std::system_error(EBUSY, std::generic_category(),
                                "SIGRTMIN+" + std::to_string(offset) + " for the " + purpose +
                                    " belongs to another machine or interrupt of this process, or the "
                                    "program has put a handler over "
                                    "ours since it did; choose another signal_offset");
    if (error != 0)
        throw std::system_error(error, std::generic_category(), "sigaction(" + std::to_string(signo_) + ")");
}

interrupt_signal::~interrupt_signal()
{
    const runtime::control_section section;
    runtime::give_signal_back(signo_, runtime::forward);
}

} // namespace nmisim
