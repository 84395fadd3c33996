// SPDX-License-Identifier: MIT
#include "nmisim/machine.hpp"

#include "base/clock.hpp"
#include "base/message_line.hpp"
#include "base/own_pid.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"
#include "nmi/record/backtrace.hpp"
#include "probes.hpp" // base/probes_*

#include <algorithm>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace nmisim {
namespace {

constexpr int first_irq_offset = 2; // after the NMI and the backtrace request

const machine_config& checked(const machine_config& config)
{
    if (config.cpus < 1 || config.cpus > 4096)
        throw std::invalid_argument("a machine has 1 to 4096 vCPUs, not " + std::to_string(config.cpus));
    if (config.delivery == delivery::queue && config.max_in_flight < 1)
        throw std::invalid_argument("queue delivery needs room for at least 1 NMI in flight");
    if (config.irqs < 0)
        throw std::invalid_argument("a machine has no or some IRQ lines, not " + std::to_string(config.irqs));
    return config;
}

/// Says on standard error why `what` is not done, where waiting for a grace period would never end.
void refuse(machine_state& state, const char* what) noexcept
{
    message_line line;
    line.text("nmi-sim: WARNING: ").text(what);
    if (in_irq()) {
        state.domain.refused_synchronize.fetch_add(1, std::memory_order_relaxed);
        line.text(in_nmi() ? " called in NMI context on CPU " : " called in IRQ context on CPU ")
            .number(smp_processor_id())
            .text(": refused, it would wait for itself");
    } else {
        line.text(" called in a forked child: refused, the vCPUs that RCU would wait for are not here");
    }
    line.write_to(STDERR_FILENO);
}

/// True, and said on standard error, in NMI and IRQ context: `what` allocates there, or waits for other vCPUs, which may
/// wait for this one.
bool refused_in_handler(const char* what) noexcept
{
    if (!in_irq())
        return false;
    message_line()
        .text("nmi-sim: WARNING: ")
        .text(what)
        .text(in_nmi() ? " called in NMI context on CPU " : " called in IRQ context on CPU ")
        .number(smp_processor_id())
        .text(": refused, it waits for other vCPUs")
        .write_to(STDERR_FILENO);
    return true;
}

/// A fault's entry, or the one that the configured nesting asks for.
entry_kind entry_kind_of(const machine_config& config, const machine_faults& faults)
{
    if (config.nesting == nesting::blocked || faults.entry == entry_kind::nested_stack)
        return faults.entry;
    if (faults.entry != entry_kind::correct)
        throw std::invalid_argument("faults of the NMI entry are built for nesting blocked only");
    return config.nesting == nesting::latched ? entry_kind::latched : entry_kind::nested;
}

/// The signals of all IRQ lines: masked in IRQ and NMI handlers, and by local_irq_disable().
sigset_t irq_signals_of(const machine_config& config) noexcept
{
    sigset_t all = signal_set();
    for (int irq = 0; irq < config.irqs; ++irq)
        sigaddset(&all, SIGRTMIN + config.signal_offset + first_irq_offset + irq);
    return all;
}

void all_asked_to_leave(machine_state& state) noexcept
{
    for (auto& cpu : state.cpus)
        cpu->ask_to_leave();
}

void boot(machine_state& state) noexcept
{
    // (1) release: all that start() set up, or the wish to leave; pairs with vcpu_thread.cpp(7)
    state.booted.store(true, std::memory_order_release);
    state.booted.notify_all();
}

/// Before and after a wait for a grace period: its number, for the stall watch and for whoever has attached a probe.
inline std::uint64_t wait_begins(machine_state& state) noexcept
{
    const std::uint64_t number = state.waits_begun.fetch_add(1, std::memory_order_relaxed); // for people
    NMISIM_PROBE1(grace_period_begin, number);
    return number;
}

inline void wait_ended(machine_state& state, [[maybe_unused]] std::uint64_t number) noexcept
{
    NMISIM_PROBE1(grace_period_end, number);
    state.waits_ended.fetch_add(1, std::memory_order_relaxed); // as above
}

} // namespace

machine_state::machine_state(const machine_config& c, const machine_faults& f, trace_log* log)
    : config(checked(c)), faults(f), trace(log), rcu(rcu_ops_of(c.rcu)),
      entry(nmi_entry_of(c.rcu, entry_kind_of(c, f), c.percpu)), irq_stat(static_cast<std::size_t>(c.cpus)),
      nmi_signal(c.signal_offset, log != nullptr ? exc_nmi_traced : entry.exc_nmi, "NMI",
                 f.irqs_blocked_in_nmi ? irq_signals_of(c) : signal_set()),
      backtrace_signal(c.signal_offset + 1, exc_backtrace, "backtrace request")
{
    if (log != nullptr && c.nesting != nesting::blocked)
        throw std::invalid_argument("a timeline is written with nesting blocked only");
    chains = std::make_shared<nmi_chain_registry>(*this);
    keep_own_pid();
    domain.pid = own_pid();
    domain.exc_nmi = entry.exc_nmi;
    domain.measure_latency = c.measure_latency;
    domain.nmis_nest = c.nesting != nesting::blocked;
    domain.panic_on_unknown_nmi = c.panic_on_unknown_nmi;
    irqs = std::make_shared<irq_registry>(*this);
    domain.irqs = irqs->descs().data();
    domain.irq_signals = irq_signals_of(c);
    domain.first_irq_signal = SIGRTMIN + c.signal_offset + first_irq_offset;
    for (int irq = 0; irq < c.irqs; ++irq)
        irq_signals.push_back(std::make_unique<interrupt_signal>(c.signal_offset + first_irq_offset + irq,
                                                                 entry.exc_irq, "IRQ", domain.irq_signals));
    warm_up_unwinder();
    for (int cpu = 0; cpu < c.cpus; ++cpu)
        cpus.push_back(std::make_unique<vcpu_thread>(*this, cpu));
}

int vcpu::number() const noexcept
{
    return area_.cpunumber;
}

bool vcpu::stopping() const noexcept
{
    return machine_.cpus[static_cast<std::size_t>(area_.cpunumber)]->stopping();
}

void vcpu::quiescent_state() noexcept
{
    machine_.rcu.quiescent_state();
}

void vcpu::workload_round()
{
    nmisim::workload_round(machine_, area_);
}

machine::machine(const machine_config& config) : machine(config, machine_faults{}) {}

machine::machine(const machine_config& config, const machine_faults& faults, trace_log* trace)
    : state_(std::make_unique<machine_state>(config, faults, trace))
{
    state_->owner = this;
    try {
        for (auto& cpu : state_->cpus)
            cpu->start();
    } catch (...) {
        all_asked_to_leave(*state_);
        boot(*state_);
        for (auto& cpu : state_->cpus)
            cpu->join();
        throw;
    }
    for (auto& cpu : state_->cpus)
        cpu->wait_online();
    boot(*state_);
}

machine::~machine()
{
    if (!is_own_process(*state_)) {
        static_cast<void>(state_.release());
        return;
    }
    all_cpus_down();
    state_->irqs.reset();
    state_->chains.reset(); // registrations that live on find nothing to unregister
    exchange(nullptr);      // no vCPU is left: the grace period is for task-level readers of other threads
}

int machine::cpus() const noexcept
{
    return static_cast<int>(state_->cpus.size());
}

void machine::set_nmi_callback(nmi_callback& callback) noexcept
{
    rcu_assign_pointer(state_->domain.callback, &callback);
    NMISIM_PROBE1(publish, &callback);
}

void machine::unset_nmi_callback() noexcept
{
    rcu_assign_pointer(state_->domain.callback, &dummy_nmi_callback);
}

sync_result machine::synchronize_rcu()
{
    if (!may_wait(*state_)) {
        refuse(*state_, "synchronize_rcu");
        return in_irq() ? sync_result::refused_in_interrupt : sync_result::refused_in_child;
    }
    const std::uint64_t number = wait_begins(*state_);
    state_->rcu.synchronize();
    wait_ended(*state_, number);
    return sync_result::done;
}

nmi_handler machine::exchange(nmi_handler next)
{
    if (!may_wait(*state_)) {
        refuse(*state_, "exchange");
        return next;
    }
    std::uint64_t wait = 0;
    {
        const std::lock_guard publishing(state_->publishing);
        rcu_assign_pointer(state_->domain.callback, next ? next.get() : &dummy_nmi_callback);
        NMISIM_PROBE1(publish, next.get());
        state_->owned.swap(next);
        wait = wait_begins(*state_);
    }
    if (state_->watch != nullptr)
        state_->watch->published();
    state_->rcu.synchronize_alone();
    wait_ended(*state_, wait);
    return next;
}

raise_result machine::raise_nmi(int cpu) noexcept
{
    return raise_on(state_->area(cpu).line);
}

void machine::set_reason(std::uint8_t reason) noexcept
{
    state_->domain.reason.store(reason, std::memory_order_relaxed); // a byte that stands for itself
}

std::uint64_t machine::nmi_count(int cpu) const noexcept
{
    return nmi_count_of(state_->area(cpu));
}

bool machine::cpu_online(int cpu) const noexcept
{
    // relaxed: it may change before the caller looks
    return state_->area(cpu).line.accepting.load(std::memory_order_relaxed);
}

void machine::cpu_up(int cpu)
{
    BUG_ON(static_cast<std::size_t>(cpu) >= state_->cpus.size());
    auto& thread = *state_->cpus[static_cast<std::size_t>(cpu)];
    if (refused_in_handler("cpu_up") || thread.running())
        return;
    thread.start();
    const not_watched waiting(*state_);
    thread.wait_online();
}

void machine::cpu_down(int cpu)
{
    if (this_cpu == &state_->area(cpu)) {
        message_line()
            .text("nmi-sim: WARNING: cpu_down called on CPU ")
            .number(cpu)
            .text(" for itself: refused, it would wait for its own end")
            .write_to(STDERR_FILENO);
        return;
    }
    if (refused_in_handler("cpu_down"))
        return;
    auto& thread = *state_->cpus[static_cast<std::size_t>(cpu)];
    thread.ask_to_leave();
    const not_watched waiting(*state_);
    thread.join();
}

void machine::all_cpus_down() noexcept
{
    if (refused_in_handler("all_cpus_down"))
        return;
    all_asked_to_leave(*state_);
    const not_watched waiting(*state_);
    for (auto& cpu : state_->cpus)
        cpu->join();
}

bool machine::drain(std::uint64_t timeout_ns)
{
    if (refused_in_handler("drain"))
        return false;
    const std::uint64_t deadline_ns = now_ns() + timeout_ns;
    const not_watched waiting(*state_);
    return std::all_of(state_->cpus.begin(), state_->cpus.end(),
                       [&](auto& cpu) { return cpu->drain(deadline_ns); });
}

} // namespace nmisim
