// SPDX-License-Identifier: MIT
#include "nmisim/machine.hpp"

#include "base/clock.hpp"
#include "base/message_line.hpp"
#include "base/own/own_pid.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"
#include "nmi/record/backtrace.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "probes.hpp" // base/probes_*

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <dlfcn.h>

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

/// In NMI context, in a forked child, or at the machine's end: waiting for a grace period would never end, or for nobody.
sync_result refuse(const machine_state& state) noexcept
{
    if (in_irq())
        return sync_result::refused_in_interrupt;
    return is_own_process(state) ? sync_result::refused_at_end : sync_result::refused_in_child;
}

bool is_own_vcpu(const machine_state& state) noexcept
{
    return this_cpu != nullptr && this_cpu->domain == &state.domain;
}

/// True, with a message, in NMI and IRQ context: `what` allocates there, or waits for other vCPUs, which may wait for this
/// one.
bool refused_in_handler(const machine_state& state, const char* what) noexcept
{
    if (!in_irq())
        return false;
    message_line()
        .text("nmi-sim: WARNING: ")
        .text(what)
        .text(in_nmi() ? " called in NMI context on CPU " : " called in IRQ context on CPU ")
        .number(smp_processor_id())
        .text(": refused, it waits for other vCPUs")
        .give_to(state.config.message);
    return true;
}

void refuse_for_itself(const machine_state& state, const char* what) noexcept
{
    message_line()
        .text("nmi-sim: WARNING: ")
        .text(what)
        .text(" called on CPU ")
        .number(smp_processor_id())
        .text(" for itself: refused, it would wait for its own end")
        .give_to(state.config.message);
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

/// All vCPUs leave, and have left but for the caller's own.
void end_vcpus(machine_state& state, const percpu* own) noexcept
{
    all_asked_to_leave(state);
    const not_watched waiting(state);
    for (auto& cpu : state.cpus)
        if (&cpu->area() != own)
            cpu->join();
}

/// In static storage, which outlives the object: threads that exit() has not stopped may still raise.
bool is_static(const machine* m) noexcept
{
    Dl_info where;
    return dladdr(m, &where) != 0;
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

/// Somebody has published a callback with exchange() or set_nmi_callback(), and it is still there. Under `publishing`.
bool chains_are_off(const machine_state& state) noexcept
{
    if (state.owned_by == publisher::program && state.owned != nullptr)
        return true;
    // relaxed: compared, never followed
    const nmi_callback* const now = state.domain.callback.load(std::memory_order_relaxed);
    return now != nullptr && now != &dummy_nmi_callback && now != &state.chains->empty_chains() &&
           now != state.owned.get();
}

/// An alternate stack has no room for 15 NMIs one on top of the other, and mostly no guard page: what is behind it would be
/// written. The same for what they interrupt.
runtime::handler_stack stack_of(const machine_config& c) noexcept
{
    return c.nesting == nesting::nested ? runtime::handler_stack::in_use : runtime::handler_stack::alternate;
}

} // namespace

machine_state::machine_state(const machine_config& c, const machine_faults& f, trace_log* log)
    : config(checked(c)), faults(f), trace(log), rcu(c.rcu),
      entry(nmi_entry_of(c.rcu, entry_kind_of(c, f), c.percpu)), irq_stat(static_cast<std::size_t>(c.cpus)),
      nmi_signal(c.signal_offset, log != nullptr ? exc_nmi_traced : entry.exc_nmi, "NMI",
                 f.irqs_blocked_in_nmi ? irq_signals_of(c) : signal_set(), stack_of(c)),
      backtrace_signal(c.signal_offset + 1, exc_backtrace, "backtrace request", signal_set(), stack_of(c))
{
    if (log != nullptr && c.nesting != nesting::blocked)
        throw std::invalid_argument("a timeline is written with nesting blocked only");
    chains = std::make_shared<nmi_chain_registry>(*this);
    keep_own_pid();
    domain.pid = own_pid();
    domain.message = c.message;
    domain.exc_nmi = entry.exc_nmi;
    domain.readers = rcu.domain();
    domain.measure_latency = c.measure_latency;
    domain.nmis_nest = c.nesting != nesting::blocked;
    domain.panic_on_unknown_nmi = c.panic_on_unknown_nmi;
    irqs = std::make_shared<irq_registry>(*this);
    domain.irqs = irqs->descs().data();
    domain.irq_signals = irq_signals_of(c);
    domain.first_irq_signal = SIGRTMIN + c.signal_offset + first_irq_offset;
    for (int irq = 0; irq < c.irqs; ++irq)
        irq_signals.push_back(std::make_unique<interrupt_signal>(
            c.signal_offset + first_irq_offset + irq, entry.exc_irq, "IRQ", domain.irq_signals, stack_of(c)));
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

machine::machine(const machine_config& config)
    : machine(*new machine_state(config, machine_faults{}, nullptr))
{}

machine::machine(machine_state& made) : state_(&made)
{
    state_->owner = this;
    try {
        for (auto& cpu : state_->cpus)
            cpu->start();
    } catch (...) {
        const std::unique_ptr<machine_state> unused(state_);
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
    machine_state& state = *state_;
    if (!is_own_process(state) || in_irq())
        return;
    // exit() on a vCPU, with a machine of static storage: the thread is not there to be joined.
    percpu* const own = is_own_vcpu(state) ? this_cpu : nullptr;
    end_vcpus(state, own);
    if (own != nullptr)
        state.cpus[static_cast<std::size_t>(own->cpunumber)]->leave();
    state.irqs.reset();
    state.chains.reset(); // registrations that live on find nothing to unregister
    // No vCPU is left: the grace period is for task-level readers of other threads.
    static_cast<void>(publish_handler(state, nullptr, publisher::end_of_machine));
    state.late_handlers.end();
    state.ended.store(true, std::memory_order_relaxed); // for whoever comes late
    if (own == nullptr && !is_static(this))
        delete &state;
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
    if (!may_wait(*state_) || state_->ended.load(std::memory_order_relaxed)) // for whoever comes late
        return refuse(*state_);
    const std::uint64_t number = wait_begins(*state_);
    state_->rcu.synchronize();
    wait_ended(*state_, number);
    return sync_result::done;
}

exchange_result publish_handler(machine_state& state, nmi_handler next, publisher by, deadline limit)
{
    if (!may_wait(state) || state.ended.load(std::memory_order_relaxed)) // for whoever comes late
        return {refuse(state), std::move(next)};
    if (!limit.is_none())
        state.late_handlers.start();
    std::uint64_t wait = 0;
    bool own_table = false;
    {
        const std::lock_guard publishing(state.publishing);
        if (by == publisher::program && state.owned_by == publisher::chains)
            return {sync_result::refused_by_chains, std::move(next)};
        if ((by == publisher::chains || by == publisher::empty_chains) && chains_are_off(state)) {
            if (state.owned_by == publisher::chains)
                state.owned_by = by; // of a table that nobody is on, exchange() may take the place
            return {sync_result::refused_by_chains, std::move(next)};
        }
        own_table = by == publisher::program && state.owned_by == publisher::empty_chains;
        rcu_assign_pointer(state.domain.callback, next ? next.get() : &dummy_nmi_callback);
        NMISIM_PROBE1(publish, next.get());
        state.owned.swap(next);
        state.owned_by = by;
        wait = wait_begins(state);
    }
    if (state.watch != nullptr)
        state.watch->published();
    bool in_time = true;
    if (limit.is_none())
        state.rcu.synchronize_alone();
    else
        in_time = state.late_handlers.wait(next, limit);
    wait_ended(state, wait);
    if (own_table)
        next.reset(); // the library's own, not the caller's to see
    return {in_time ? sync_result::done : sync_result::timed_out, std::move(next)};
}

exchange_result machine::exchange(nmi_handler next, deadline limit)
{
    return publish_handler(*state_, std::move(next), publisher::program, limit);
}

raise_result machine::raise_nmi(int cpu) noexcept
{
    if (!state_->has(cpu))
        return raise_result::no_such_cpu;
    return raise_on(state_->area(cpu).line);
}

void machine::set_reason(std::uint8_t reason) noexcept
{
    state_->domain.reason.store(reason, std::memory_order_relaxed); // one byte, orders nothing else
}

std::uint64_t machine::nmi_count(int cpu) const noexcept
{
    return nmi_count_of(state_->area(cpu));
}

bool machine::cpu_online(int cpu) const noexcept
{
    // relaxed: it may change before the caller looks
    return state_->has(cpu) && state_->area(cpu).line.accepts_raises();
}

void machine::cpu_up(int cpu)
{
    BUG_ON(static_cast<std::size_t>(cpu) >= state_->cpus.size());
    auto& thread = *state_->cpus[static_cast<std::size_t>(cpu)];
    if (refused_in_handler(*state_, "cpu_up") || !thread.has_ended() ||
        state_->ended.load(std::memory_order_relaxed)) // for whoever comes late
        return;
    thread.join(); // one that its own workload has ended
    thread.start();
    const not_watched waiting(*state_);
    thread.wait_online();
}

void machine::cpu_down(int cpu)
{
    if (this_cpu == &state_->area(cpu))
        return refuse_for_itself(*state_, "cpu_down");
    if (refused_in_handler(*state_, "cpu_down"))
        return;
    auto& thread = *state_->cpus[static_cast<std::size_t>(cpu)];
    thread.ask_to_leave();
    const not_watched waiting(*state_);
    thread.join();
}

void machine::all_cpus_down() noexcept
{
    if (refused_in_handler(*state_, "all_cpus_down"))
        return;
    if (is_own_vcpu(*state_))
        return refuse_for_itself(*state_, "all_cpus_down");
    end_vcpus(*state_, nullptr);
}

bool machine::drain(std::uint64_t timeout_ns)
{
    if (refused_in_handler(*state_, "drain"))
        return false;
    const std::uint64_t deadline_ns = now_ns() + timeout_ns;
    const not_watched waiting(*state_);
    return std::all_of(state_->cpus.begin(), state_->cpus.end(),
                       [&](auto& cpu) { return cpu->drain(deadline_ns); });
}

} // namespace nmisim
