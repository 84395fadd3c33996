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
// RCU-published pointer to the immutable list of its handlers: request_irq and free_irq copy the list, publish it
// and free the old one after a grace period, so that handlers are swapped under fire as an NMI's are.
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

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace nmisim {

/// A handler's answer. Kernel: irqreturn_t. On a shared line every handler is called; the IRQ was unhandled if
/// none of them wanted it.
inline constexpr int irq_none = 0;
inline constexpr int irq_handled = 1;

/// The line may have further handlers, if all of them say so. Kernel: IRQF_SHARED.
inline constexpr unsigned irqf_shared = 0x80;

class irq_registry;
struct irq_action;

/// A handler's place on an IRQ line, while this object lives. Move-only; empty after free() or a refusal.
/// Lifetime: may outlive its machine, but not be used while the machine is being destroyed.
class NMISIM_API irq_registration {
public:
    irq_registration() noexcept = default;
    irq_registration(irq_registration&& other) noexcept { swap(other); }
    irq_registration& operator=(irq_registration&& other) noexcept
    {
        irq_registration(std::move(other)).swap(*this);
        return *this;
    }
    /// Frees and waits. In interrupt context that is refused and the handler stays, with its data.
    ~irq_registration();

    explicit operator bool() const noexcept { return action_ != nullptr; }
    /// Why there is none: 0; EINVAL: no such line, or no handler; EBUSY: the line has a handler and not both
    /// are shared; EDEADLK: called in IRQ or NMI context.
    int error() const noexcept { return error_; }

    /// Takes the handler off its line; when it returns, no vCPU runs it any more and its data may go.
    ///
    /// Context: control. In IRQ or NMI context it would wait for itself: refused, with a line on standard error
    /// (the kernel WARNs). Kernel: free_irq(), which finds the handler by its dev_id and waits in
    /// synchronize_irq().
    sync_result free();

    /// Puts `next` in the handler's place; returns the old one after a grace period (null: it was the caller's).
    /// Every IRQ runs one of the two, once. Context: control; refused in interrupt context and on an empty
    /// registration: `next` comes back.
    nmi_handler replace(nmi_handler next);

private:
    friend irq_registration request_irq_action(machine&, int, nmi_callback*, nmi_handler, unsigned,
                                               std::string_view);
    void swap(irq_registration& other) noexcept;

    std::weak_ptr<irq_registry> registry_;
    std::shared_ptr<irq_action> action_;
    int error_ = 0;
};

/// Puts a handler on IRQ line `irq`, 0 to machine_config::irqs - 1. `name` is for messages.
///
/// Context: control; returns after a grace period. Errors: see irq_registration::error(). Kernel: request_irq().
[[nodiscard]] NMISIM_API irq_registration request_irq(machine& m, int irq, nmi_handler handler,
                                                      unsigned flags, std::string_view name);
/// The same; the caller keeps owning the handler until the registration has ended.
[[nodiscard]] NMISIM_API irq_registration request_irq(machine& m, int irq, nmi_callback& handler,
                                                      unsigned flags, std::string_view name);

/// Raises line `irq` on vCPU `cpu`; never `full`. A line without a handler: unhandled, and counted. A line or vCPU
/// that the machine does not have is a bug of the caller, and ends the program with a line that says so.
/// Context: any. Progress: lock-free, one system call. Errors: none; see raise_result.
NMISIM_API raise_result raise_irq(machine& m, int cpu, int irq) noexcept;

/// Times line `irq` was handled on `cpu`. Context: any. Kernel: a line of /proc/interrupts.
[[nodiscard]] NMISIM_API std::uint64_t irq_count(machine& m, int cpu, int irq) noexcept;
/// Of these, those that no handler wanted. Kernel: irqs_unhandled, "nobody cared".
[[nodiscard]] NMISIM_API std::uint64_t irq_unhandled(machine& m, int cpu, int irq) noexcept;

} // namespace nmisim
