// SPDX-License-Identifier: MIT
//
// Handlers that do what no NMI handler may. They run in NMI context but do not live in src/nmi: that folder's
// objects are checked to call nothing of the kind.
#pragma once

#include "faults/fault.hpp"
#include "nmisim/machine.hpp"

#include <atomic>

namespace nmisim {

/// The function of a run's handlers: `inner`, or the bad one that the fault asks for, which then does `inner`.
nmi_function handler_function(fault f, nmi_function inner) noexcept;

/// The same for the handlers of IRQ lines: checked_irq_call, or the bad one.
nmi_function irq_handler_function(fault f) noexcept;

namespace bad {
/// Fault hard-lockup: spins until `released`. Context: vcpu, with its interrupts off.
void hard_lockup(const std::atomic<bool>& released) noexcept;
} // namespace bad

/// Arms the bad handlers for a run on `m`. Context: control, before the first NMI.
void arm_bad_handlers(machine& m) noexcept;
/// Lets a stuck handler return. Context: control.
void release_stuck_handlers() noexcept;

} // namespace nmisim
