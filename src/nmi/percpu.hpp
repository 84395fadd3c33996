// SPDX-License-Identifier: MIT
//
// What a vCPU owns, and how NMI context finds it. `this_cpu` is the %gs base of x86_64: one thread-local
// pointer, initial-exec so that an NMI never enters the loader to resolve it, null on a thread that is no
// vCPU. The area is the machine's and outlives the thread, as cpu_pda outlives a CPU's offline time.
//
// do_nmi writes only the first cache line. Except for `line`, only its own vCPU writes to a percpu area, so two vCPUs
// that take NMIs at once share no written cache line.
#pragma once

#include "base/counter.hpp"
#include "base/histogram.hpp"
#include "base/vcpu_count.hpp"
#include "nmi/chain/nmi_stats.hpp"
#include "nmi/check.hpp"
#include "nmi/cpu_source.hpp"
#include "nmi/entry/nmi_nesting.hpp"
#include "nmi/line.hpp"
#include "nmisim/callback.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <sys/types.h>

namespace nmisim {

struct percpu;
struct rcu_domain; // rcu/rcu.hpp
struct irq_desc;   // nmi/irq/irq.hpp
struct irq_cpu;
struct backtrace_request;           // nmi/record/backtrace.hpp
enum class nmi_type : std::uint8_t; // nmisim/nmi_chain.hpp

/// Read-mostly state of a machine, shared by its vCPUs.
struct nmi_domain {
    alignas(cacheline_size) std::atomic<nmi_callback*> callback{&dummy_nmi_callback};
    counter* irq_stat = nullptr; ///< i386 form of nmi_count: one per CPU, a cache line apart
    int pid = 0;                 ///< this process: an NMI from anybody else is a stray
    bool measure_latency = true;
    bool panic_on_unknown_nmi = false;
    bool nmis_nest = false; ///< an NMI may interrupt an NMI (machine_config::nesting)
    /// Each NMI must run exactly one generation of a checked handler (set while such a handler is published).
    std::atomic<bool> expect_one_generation{false};
    /// Look at a published callback outside of its own function. Null where nothing is checked.
    void (*observe)(nmi_callback&, percpu&) noexcept = nullptr;      ///< fault leak-pointer, after nmi_exit
    void (*observe_irq)(nmi_callback&, percpu&) noexcept = nullptr;  ///< the same, after irq_exit
    void (*observe_task)(nmi_callback&, percpu&) noexcept = nullptr; ///< task-level readers
    void (*exc_nmi)(int, siginfo_t*, void*) = nullptr;               ///< behind exc_nmi_traced()
    rcu_domain* readers = nullptr; ///< where they count, if the flavor has domains (srcu)

    // IRQ lines (nmi/irq/irq.hpp)
    irq_desc* irqs = nullptr;
    int first_irq_signal = 0;
    sigset_t irq_signals{};

    // Written rarely.
    alignas(cacheline_size) std::atomic<std::uint8_t> reason{0}; ///< port 0x61: 0x80 SERR, 0x40 IOCHK
    std::atomic<std::uint64_t> last_report_ns{0};                ///< rate limit of "unknown reason"
    std::atomic<bool> panicked{false};
    std::atomic<std::uint64_t> strays{0};                         ///< NMI signals that no machine raised
    void (*message)(const char*, std::size_t) noexcept = nullptr; ///< machine_config::message

    // Chains (nmi/chain/chain.hpp)
    std::array<std::atomic<int (*)(nmi_type, const pt_regs&) noexcept>, 4> emergency{};
    std::atomic<int> ignore_nmis{0}; ///< stop_nmi, restart_nmi
    std::atomic<std::uint64_t> nmi_longest_ns{1'000'000};
    std::atomic<bool> nmi_check_cpu_time{true};
    std::atomic<std::uint64_t> last_duration_report_ns{0}; ///< rate limit of "took too long"
    duration_record duration;                  ///< of timed handlers that are published without a chain
    const char* handler_name = "nmi_callback"; ///< how messages call these
    std::atomic<std::uint64_t> last_irq_report_ns{0}; ///< rate limit of "enabled interrupts"
};

struct alignas(cacheline_size) percpu {
    // The hot line: all that do_nmi writes.
    nmi_domain* domain = nullptr;
    counter* irq_stat = nullptr;       ///< this CPU's place in nmi_domain::irq_stat
    vcpu_count* count = &own_count;    ///< or the RCU reader's, where that is one (rcu/nmi.hpp)
    vcpu_count own_count{cpu_offline}; ///< preempt_count, nmi_count of the x86_64 form, offline
    int cpunumber = -1;
    std::uint32_t generations_run = 0;           ///< by checked handlers, in this NMI
    std::atomic<std::int32_t> ct_nmi_nesting{0}; ///< nmi/context_tracking.hpp; own thread only

    // The signal entry's and the default action's lines.
    alignas(cacheline_size) counter unknown;
    counter external;
    counter offline_seen;
    std::uint32_t defaults_run = 0; ///< in this NMI
    std::uint32_t drop_tick = 0;    ///< fault drop-latched
    latest last_generation;
    std::array<counter, 3> age{};           ///< Reader Pipe: 0 current, 1 unpublished, 2 or more: a violation
    backtrace_request* backtrace = nullptr; ///< the vCPU's own, from the beginning
    std::uintptr_t stack_end = 0; ///< one past the highest address of the vCPU's stack, for snapshots
    bool diagnosing = false; ///< the backtrace signal's handler runs: what it calls is not the NMI's doing
    std::atomic<std::uint64_t> entered_ns{0}; ///< start of the NMI under way, 0: none (latency on only)

    irq_cpu* irq = nullptr; ///< null: the machine has no IRQ lines
    nmi_nesting nesting;
    nmi_stats stats;
    interrupt_line line;
    cpu_sources sources;
    pid_t tid = 0;                ///< of the thread it has, for sources that send to a thread
    check_block checks;           ///< written in NMI context
    check_block task_checks;      ///< written by the interrupted workload (a counter has one writer)
    counter work;                 ///< rounds of the workload
    counter times_onlined;        ///< threads that this vCPU has had
    std::array<counter, 3> split; ///< workload split: thread CPU time of its parts
    histogram delivery;
    histogram handler;
};

// hidden: no GOT between an NMI and its CPU
extern constinit __thread percpu* this_cpu __attribute__((tls_model("initial-exec"), visibility("hidden")));

/// The calling thread's; 0 on one that is not a vCPU. Context: any. Kernel: preempt_count().
inline std::uint32_t preempt_count() noexcept
{
    const percpu* const cpu = this_cpu;
    return cpu == nullptr ? 0 : cpu->count->preempt_count();
}

/// Times this vCPU's handler has run; the single place that knows both forms. Context: any.
inline std::uint64_t nmi_count_of(const percpu& cpu) noexcept
{
    return cpu.count->nmis() + (cpu.irq_stat != nullptr ? cpu.irq_stat->read() : 0);
}

/// Events that a handler claimed: by the LOCAL chain, or an NMI each by a callback published without chains.
/// Context: any; exact after the drain. Kernel: nmi_stats.normal.
inline std::uint64_t nmi_normal_of(const percpu& cpu) noexcept
{
    const nmi_stats& s = cpu.stats;
    const std::uint64_t plain = nmi_count_of(cpu) - s.chained.read();
    const std::uint64_t plain_defaults = s.defaults.read() - s.chain_defaults.read();
    return s.normal.read() + plain - plain_defaults;
}

} // namespace nmisim
