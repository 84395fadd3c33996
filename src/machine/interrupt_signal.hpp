// SPDX-License-Identifier: MIT
//
// A real-time signal that this process uses as an interrupt line: one of those of runtime/signals.hpp, which says what becomes
// of the handler that the program had there before, and why the destructor leaves one of ours behind.
#pragma once

#include "base/signal_mask.hpp"
#include "runtime/signals.hpp"

#include <csignal>

namespace nmisim {

class interrupt_signal {
public:
    /// Takes SIGRTMIN + `offset` and installs `handler`. The signal stays blocked inside its own handler, as the hardware
    /// blocks NMIs until iret, and so do those of `masked`.
    ///
    /// Context: control. Errors: std::invalid_argument when there is no such signal; std::system_error when
    /// another line or an interrupt of this process has it, or the program stands over ours.
    interrupt_signal(int offset, runtime::signal_handler handler, const char* purpose,
                     const sigset_t& masked = signal_set(),
                     runtime::handler_stack stack = runtime::handler_stack::alternate);
    ~interrupt_signal();
    interrupt_signal(const interrupt_signal&) = delete;
    interrupt_signal& operator=(const interrupt_signal&) = delete;

    int number() const noexcept { return signo_; }

private:
    int signo_;
};

} // namespace nmisim
