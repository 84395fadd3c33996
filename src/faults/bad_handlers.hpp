// SPDX-License-Identifier: MIT
//
// Handlers that do what no NMI handler may do. They run in NMI and IRQ context but are not in src/nmi: a lint checks
// that its objects do no such thing.
#pragma once

#include "nmisim/machine.hpp"

#include <atomic>

namespace nmisim {

/// What a handler must not do. Context: nmi, irq.
using bad_deed = void (*)(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
/// What a vCPU must not do for long: returns when `released`. Context: vcpu, with its interrupts off.
using bad_workload = void (*)(const std::atomic<bool>& released) noexcept;

// Named, not anonymous: reports tell which function did it, and take the name from the dynamic symbol table.
namespace bad {
void malloc_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
void lock_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
void synchronize_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
void stuck_handler(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
void hard_lockup(const std::atomic<bool>& released) noexcept;
} // namespace bad

/// The function of a run's handlers: `inner`, or one that sometimes does the fault and then what `inner` does, which is the
/// handler's own (checked_handler::inner).
nmi_function handler_function(bad_deed deed, nmi_function inner) noexcept;

/// Arms the bad handlers for a run on `m`. Context: control, before the first NMI.
void arm_bad_handlers(bad_deed deed, machine& m) noexcept;
/// Lets a stuck handler return. Context: control.
void release_stuck_handlers() noexcept;

} // namespace nmisim
