// SPDX-License-Identifier: MIT
//
// How a machine is built. The enums list their values in `all_...`, with a `name_of`: options, reports and `nmi-sim
// list` take their names from here.
#pragma once

#include "nmisim/flavor.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace nmisim {

class vcpu;

/// latch: as hardware, one NMI may execute and one be pending; further raises coalesce and are counted.
/// queue: each raise is a queued real-time signal of its own, at most max_in_flight per vCPU.
enum class delivery { latch, queue };
inline constexpr std::array all_deliveries{delivery::latch, delivery::queue};
constexpr std::string_view name_of(delivery d) noexcept
{
    return d == delivery::latch ? "latch" : "queue";
}

/// What a vCPU does between NMIs.
enum class workload {
    spin,    ///< computes in user space
    idle,    ///< sleeps; RCU sees an idle CPU
    read,    ///< task-level RCU readers, which the NMI interrupts
    syscall, ///< system calls that NMIs interrupt (EINTR, SA_RESTART), results verified
    alloc,   ///< malloc and free, contents verified
    split,   ///< three functions that share its time 60 : 30 : 10, for profiles
    irqoff,  ///< computes with interrupts disabled: no IRQ may come in, NMIs do
};
inline constexpr std::array all_workloads{workload::spin,    workload::idle,  workload::read,
                                          workload::syscall, workload::alloc, workload::split,
                                          workload::irqoff};
constexpr std::string_view name_of(workload w) noexcept
{
    switch (w) {
    case workload::spin: return "spin";
    case workload::idle: return "idle";
    case workload::read: return "read";
    case workload::syscall: return "syscall";
    case workload::alloc: return "alloc";
    case workload::split: return "split";
    case workload::irqoff: return "irqoff";
    }
    return "?";
}

/// Where nmi_count(cpu) lives: the two forms of the patch of 2005.
enum class percpu_form {
    pda,   ///< x86_64: the CPU's own area, found through a thread-local pointer (the %gs base)
    array, ///< i386: irq_stat[smp_processor_id()]
};
inline constexpr std::array all_percpu_forms{percpu_form::pda, percpu_form::array};
constexpr std::string_view name_of(percpu_form p) noexcept
{
    return p == percpu_form::pda ? "pda" : "array";
}

/// What happens to an NMI that is raised while one executes on the same vCPU.
enum class nesting {
    blocked, ///< waits for the end of the other, as the hardware blocks NMIs until iret
    latched, ///< the handler unblocks its signal (an iret too early); the kernel's three-state machine latches it
    /// The handler unblocks its signal, and nothing catches it: NMIs nest, up to 15 deep. They run on the stack that they
    /// interrupt, never on an alternate one (sigaltstack(2)), which has no room for them.
    nested,
};
inline constexpr std::array all_nestings{nesting::blocked, nesting::latched, nesting::nested};
constexpr std::string_view name_of(nesting n) noexcept
{
    return n == nesting::blocked ? "blocked" : n == nesting::latched ? "latched" : "nested";
}

/// Gets a line of text with its newline, `length` bytes and no 0 behind them. Async-signal-safe: it may be called in NMI
/// context.
using message_function = void (*)(const char* line, std::size_t length) noexcept;

struct machine_config {
    int cpus = 1;
    flavor rcu = flavor::memb;
    nmisim::delivery delivery = nmisim::delivery::latch;
    unsigned max_in_flight = 64; ///< queue delivery only, per vCPU
    nmisim::workload workload = nmisim::workload::spin;
    percpu_form percpu = percpu_form::pda;
    nmisim::nesting nesting = nmisim::nesting::blocked;
    int signal_offset = 1;             ///< the NMI is SIGRTMIN + this, backtrace requests are the next signal
    int irqs = 0;                      ///< IRQ lines, the signals after those two (nmisim/irq.hpp)
    bool pin = false;                  ///< pin vCPU i to the (i+1)-th allowed Linux CPU, modulo
    bool measure_latency = true;       ///< read the clock at raise and at handler entry and exit
    bool panic_on_unknown_nmi = false; ///< kernel: sysctl kernel.unknown_nmi_panic

    // What a vCPU's thread takes from the thread that brings it online, and does not unless it is asked to.
    bool give_way = false;      ///< lower its priority where vCPUs share Linux CPUs (nice 10 to 19)
    bool name_threads = false;  ///< name it "vcpu0" and so on
    bool block_signals = false; ///< block all signals that can wait but the machine's own

    /// What the library has to say (the kernel: printk): NMIs for which nobody had a use, handlers that took too long, calls
    /// that were refused and have no result that tells it. Null: nobody wants to know. Nothing is printed.
    message_function message = nullptr;

    /// Runs on the vCPU instead of `workload` when set: one round per call, until the vCPU goes offline.
    /// Context: vcpu; must expect an NMI at every instruction.
    std::function<void(vcpu&)> custom_workload{};
};

} // namespace nmisim
