// SPDX-License-Identifier: MIT
//
// A real-time signal that this process uses as an interrupt line. Dispositions are process-wide, so a signal
// has one owner at a time. Signals outlive their owner: a late one must not meet SIG_DFL, which would end the process, so
// the destructor leaves a handler behind. That one, as the line's own, hands what is not ours to the handler that the
// program had there before (nmi/foreign_signal.hpp).
#pragma once

#include "base/signal_mask.hpp"

#include <csignal>

namespace nmisim {

class interrupt_signal {
public:
    /// Takes SIGRTMIN + `offset` and installs `handler` with SA_SIGINFO | SA_RESTART. The signal stays blocked
    /// inside its own handler, as the hardware blocks NMIs until iret, and so do those of `masked`. No
    /// SA_ONSTACK: liburcu does not support readers there.
    ///
    /// Context: control. Errors: std::invalid_argument when there is no such signal; std::system_error when
    /// another line of this process has it.
    interrupt_signal(int offset, void (*handler)(int, siginfo_t*, void*), const char* purpose,
                     const sigset_t& masked = signal_set());
    ~interrupt_signal(); // NOLINT(bugprone-exception-escape): see there
    interrupt_signal(const interrupt_signal&) = delete;
    interrupt_signal& operator=(const interrupt_signal&) = delete;

    int number() const noexcept { return signo_; }

private:
    int signo_;
};

} // namespace nmisim
