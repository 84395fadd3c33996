// SPDX-License-Identifier: MIT
//
// The data of maskable interrupts: per line, what is published; per vCPU and line, the latch and the counts; per vCPU,
// the books of IRQ context. NMI context has other books, because a counter has one writer and an NMI may interrupt an
// IRQ handler in the middle of counting.
//
// "Interrupts disabled" is the thread's signal mask. `disabled` says the same to code that asks, as EFLAGS.IF does.
// Inside handlers the mask comes from sigaction: that of an IRQ and that of an NMI block every IRQ line, and nothing
// blocks the NMI.
#pragma once

#include "base/counter.hpp"
#include "base/histogram.hpp"
#include "nmi/check.hpp"
#include "nmi/line.hpp"
#include "nmisim/callback.hpp"
#include "nmisim/irq.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace nmisim {

/// One line, for all vCPUs. Kernel: struct irq_desc.
struct alignas(cacheline_size) irq_desc {
    std::atomic<nmi_callback*> action{&dummy_nmi_callback};
};

/// One line of one vCPU.
struct irq_line {
    interrupt_line line;
    counter count;     ///< IRQs executed
    counter unhandled; ///< of these, those that no handler wanted
    counter offline_seen;
};

/// A vCPU's side of all lines. Written in IRQ context, `disabled` by the vCPU's own code.
struct irq_cpu {
    explicit irq_cpu(std::size_t lines_of_machine) : lines(lines_of_machine) {}

    std::vector<irq_line> lines; ///< as many as the machine has, from the beginning
    bool disabled = false;
    std::uint32_t generations_run = 0; ///< by checked handlers, in this IRQ
    std::uint32_t drop_tick = 0;       ///< fault drop-latched
    latest last_generation;
    std::array<counter, 3> age{}; ///< Reader Pipe, as percpu::age
    std::atomic<std::uint64_t> entered_ns{0};
    check_block checks;
    histogram delivery;
    histogram handler;
};

/// The function of irq_actions: calls every handler; irq_none if all of them said so.
/// Context: irq. Kernel: __handle_irq_event_percpu().
int handle_irq_event(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

/// A line's published list. Immutable once published.
struct irq_actions : nmi_callback {
    irq_actions() noexcept : nmi_callback{handle_irq_event} {}
    std::span<nmi_callback* const> handlers;
};

} // namespace nmisim
