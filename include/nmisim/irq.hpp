// SPDX-License-Identifier: MIT
//
// Maskable interrupts: IRQ lines beside the NMI, each a real-time signal of its own (machine_config::irqs).
//
//     auto disk = nmisim::request_irq(m, 0, nmisim::make_nmi_handler([...](const nmisim::pt_regs&, int cpu) noexcept {
//         ...; return nmisim::irq_handled; }), 0, "disk");
//     nmisim::raise_irq(m, cpu, 0);
//     disk.free();   // or the end of the token: no handler of it runs any more
//
// A handler is the same object as an NMI's: a function with its data (nmisim/callback.hpp). Each line has one
// RCU-published pointer to the immutable list of its handlers: request_irq() and irq_registration::free() publish a changed
// copy and free the old list after a grace period, so handlers are swapped while IRQs keep coming, like those of NMIs.
//
// Order of interruption, as in hardware:
//
//   a task    is interrupted by IRQs (unless local_irq_disable()) and by NMIs
//   an IRQ    is interrupted by NMIs only: its handlers run with interrupts disabled
//   an NMI    by neither
//
// Each line latches on each vCPU: one IRQ may execute and one be pending (the APIC's ISR and IRR); further raises
// coalesce and are counted.
#pragma once

#include "nmisim/callback.hpp"
#include "nmisim/export.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/registration.hpp"

#include <cstdint>
#include <string_view>

namespace nmisim {

/// A handler's answer. Kernel: irqreturn_t. On a shared line every handler is called; the IRQ was unhandled if none of
/// them claimed it.
inline constexpr int irq_none = 0;
inline constexpr int irq_handled = 1;

/// The line may have further handlers, if all of them say so. Kernel: IRQF_SHARED.
inline constexpr unsigned irqf_shared = 0x80;

/// A handler's place on an IRQ line.
class NMISIM_API irq_registration : public registration {
public:
    /// Takes the handler off its line; when it returns, no vCPU runs it any more and its data may go.
    ///
    /// Context: control. In IRQ or NMI context it would wait for itself: refused (the kernel WARNs).
    /// Ordering: after `done` the caller sees what the handler stored.
    /// Kernel: free_irq(), which finds the handler by its dev_id and waits in synchronize_irq().
    sync_result free() { return end(); }
};

/// Puts a handler on IRQ line `irq`, 0 to machine_config::irqs - 1. `name` is for messages.
///
/// Context: control; returns after a grace period. Ordering: release. Errors, in registration::error(): EINVAL: no such
/// line, or no handler; EBUSY: the line has a handler and not both are shared. Kernel: request_irq().
[[nodiscard]] NMISIM_API irq_registration request_irq(machine& m, int irq, nmi_handler handler,
                                                      unsigned flags, std::string_view name);
/// The same; the caller keeps owning the handler until the registration has ended.
[[nodiscard]] NMISIM_API irq_registration request_irq(machine& m, int irq, nmi_callback& handler,
                                                      unsigned flags, std::string_view name);

/// Raises line `irq` on vCPU `cpu`; never `full`. A line without a handler: unhandled, and counted. A line or vCPU
/// that the machine does not have is a bug of the caller, and ends the program with a line that says so.
/// Context: any. Progress: lock-free, one system call. Ordering: as raise_nmi(). Errors: none; see raise_result.
NMISIM_API raise_result raise_irq(machine& m, int cpu, int irq) noexcept;

/// Times line `irq` was handled on `cpu`. Context: any. Kernel: a line of /proc/interrupts.
[[nodiscard]] NMISIM_API std::uint64_t irq_count(machine& m, int cpu, int irq) noexcept;
/// Of these, those that no handler claimed. Kernel: irqs_unhandled, "nobody cared".
[[nodiscard]] NMISIM_API std::uint64_t irq_unhandled(machine& m, int cpu, int irq) noexcept;

} // namespace nmisim
