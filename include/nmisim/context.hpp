// SPDX-License-Identifier: MIT
//
// "Where am I?" for code that may run in more than one context. Kernel: linux/preempt.h, linux/smp.h.
#pragma once

#include "nmisim/export.hpp"

namespace nmisim {

/// True between nmi_enter and nmi_exit of the calling thread. Context: any. Progress: wait-free.
[[nodiscard]] NMISIM_API bool in_nmi() noexcept;

/// True in a hardware interrupt of the calling thread: an IRQ, or an NMI, whose nmi_enter counts as one too.
/// Context: any. Progress: wait-free. Kernel: in_irq(), today in_hardirq().
[[nodiscard]] NMISIM_API bool in_irq() noexcept;

/// True in neither. Context: any. Progress: wait-free. Kernel: in_task().
[[nodiscard]] NMISIM_API bool in_task() noexcept;

/// 0: task, 2: IRQ, 3: NMI; 1 would be a softirq, which does not exist here. Context: any. Progress: wait-free.
/// Kernel: interrupt_context_level().
[[nodiscard]] NMISIM_API int interrupt_context_level() noexcept;

// Maskable interrupts of the calling vCPU (nmisim/irq.hpp). NMIs still arrive: nothing masks them. On a thread that is
// not a vCPU, and on a machine without IRQ lines, these do nothing.

/// What local_irq_save() found: interrupts were enabled. Kernel: X86_EFLAGS_IF.
inline constexpr unsigned long irq_flags_enabled = 0x200;

/// IRQs raised from here on stay pending. Context: any. Progress: one system call, none if they are disabled already.
/// Kernel: local_irq_disable(), the instruction cli.
NMISIM_API void local_irq_disable() noexcept;
/// Pending IRQs are taken before this returns. In an IRQ or NMI handler it would let an IRQ in: refused, with a
/// message (machine_config), as the kernel WARNs that a "handler enabled interrupts" and disables them again.
/// Context: vcpu. Kernel: local_irq_enable().
NMISIM_API void local_irq_enable() noexcept;
/// Disables, and returns the argument for local_irq_restore(). May be nested. Context: any.
[[nodiscard]] NMISIM_API unsigned long local_irq_save() noexcept;
NMISIM_API void local_irq_restore(unsigned long flags) noexcept;
/// True where no IRQ can come: disabled, or in an IRQ or NMI handler. Context: any.
[[nodiscard]] NMISIM_API bool irqs_disabled() noexcept;

/// The calling vCPU's number, -1 on a thread that is not one. Context: any. Progress: wait-free.
[[nodiscard]] NMISIM_API int smp_processor_id() noexcept;

/// "The next NMI is not back-to-back with the last one, even if it interrupts the same instruction": for code that
/// waits at one place, as an idle loop does. Context: vcpu, any. Progress: wait-free, one store.
/// Kernel: local_touch_nmi().
NMISIM_API void local_touch_nmi() noexcept;

} // namespace nmisim
