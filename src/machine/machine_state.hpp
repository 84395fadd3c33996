// SPDX-License-Identifier: MIT
//
// What a machine is made of, for the layers above that look inside (injector, checks, exploration).
#pragma once

#include "base/invariant.hpp"
#include "base/own/own_pid.hpp"
#include "machine/interrupt_signal.hpp"
#include "machine/machine_faults.hpp"
#include "machine/registries/irq_registry.hpp"
#include "machine/registries/nmi_chain_registry.hpp"
#include "machine/retirer.hpp"
#include "machine/sources/nmi_source.hpp"
#include "machine/trace_log.hpp"
#include "machine/vcpu_thread.hpp"
#include "nmi/entry/entry.hpp"
#include "nmi/percpu.hpp"
#include "nmisim/machine.hpp"
#include "rcu/publish_lock.hpp"
#include "rcu/rcu.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nmisim {

struct alignas(cacheline_size) padded_counter {
    counter value;
};

/// Whoever times an exchange() wants to know when its first half is done.
class exchange_watch {
public:
    virtual void published() noexcept = 0;

protected:
    ~exchange_watch() = default;
};

/// Who published what is published. exchange() and the chains exclude each other: the one that comes second is refused.
enum class publisher {
    program, ///< exchange(), or nobody
    empty_chains, ///< a table with nobody on it: exchange() may put its handler in its place, and does not hand it out
    chains,         ///< a table with registered handlers
    end_of_machine, ///< takes off what there is
};

struct machine_state {
    machine_config config;
    machine_faults faults;
    trace_log* const trace; ///< null: no timeline
    const domain_rcu rcu;   ///< its own domain: no other machine's readers delay its grace periods
    nmi_entry entry;
    nmi_domain domain;
    std::vector<padded_counter> irq_stat; ///< i386 form of nmi_count
    interrupt_signal nmi_signal;
    interrupt_signal backtrace_signal;
    std::vector<std::unique_ptr<interrupt_signal>> irq_signals; ///< one per line
    std::vector<std::unique_ptr<vcpu_thread>> cpus;

    /// vCPUs take NMIs as soon as they are online, but begin their workloads together: a thousand that spin would
    /// leave no time to start the others.
    std::atomic<bool> booted{false};

    /// Callers of synchronize_rcu() and exchange() that have begun and ended to wait. For the stall watch, which has the
    /// clock: reading it here would cost as much as a short grace period. An exchange() begins when it publishes.
    std::atomic<std::uint64_t> waits_begun{0};
    std::atomic<std::uint64_t> waits_ended{0};
    std::atomic<std::uint64_t> deferred_begun{0};         ///< callbacks passed to call_rcu()
    std::atomic<std::uint64_t> deferred_grace_periods{0}; ///< of these, run: their grace periods have ended
    /// When the vCPU that is being taken offline or brought online was asked to, 0: none. For the stall watch.
    std::atomic<std::uint64_t> changing_since_ns{0};

    /// Held while exchange() publishes: handlers come back in the order in which they were published.
    rcu::publish_lock<rcu::publish_platform, rcu::publish_orders> publishing;
    /// What exchange() or a chain has published, and who. Under `publishing`.
    nmi_handler owned;
    publisher owned_by = publisher::program;
    retirer late_handlers{*this}; ///< of exchange() with a deadline
    /// The machine has ended. What is left is for late raises: see ~machine().
    std::atomic<bool> ended{false};
    /// Told by exchange() when it has published, before it waits; null: nobody. One caller at a time may set it.
    exchange_watch* watch = nullptr;

    /// Protects `sources`; held while a vCPU's thread comes or goes, with the source's own lock inside. An NMI may
    /// interrupt its holder, so it is never taken in NMI context.
    std::mutex sources_lock;
    std::vector<cpu_source*> sources;

    machine* owner = nullptr;
    std::shared_ptr<nmi_chain_registry> chains;
    std::shared_ptr<irq_registry> irqs;

    machine_state(const machine_config& config, const machine_faults& faults, trace_log* trace);
    /// Looks from outside: two numbers that are read one after the other.
    std::uint64_t all_waits_begun() const noexcept
    {
        return waits_begun.load(std::memory_order_relaxed) +
               deferred_begun.load(std::memory_order_relaxed); // for people
    }
    std::uint64_t all_waits_ended() const noexcept
    {
        return waits_ended.load(std::memory_order_relaxed) +
               deferred_grace_periods.load(std::memory_order_relaxed); // as above
    }
    bool has(int cpu) const noexcept { return static_cast<std::size_t>(cpu) < cpus.size(); }
    percpu& area(int cpu) noexcept
    {
        BUG_ON(static_cast<std::size_t>(cpu) >= cpus.size());
        return cpus[static_cast<std::size_t>(cpu)]->area();
    }
    irq_line& irq(int cpu, int irq) noexcept
    {
        BUG_ON(static_cast<unsigned>(irq) >= static_cast<unsigned>(config.irqs));
        return area(cpu).irq->lines[static_cast<std::size_t>(irq)];
    }
};

/// What machine.hpp keeps from its users.
struct machine_inside {
    static machine_state& state(machine& m) noexcept { return *m.state_; }
    static machine with(machine_state& made) { return machine(made); }
};

inline machine_state& internals(machine& m) noexcept
{
    return machine_inside::state(m);
}

/// A machine with one ingredient of the pattern left out, for tests of the checks; and with a timeline, if `trace` is not
/// null. `trace` must outlive the machine. Context, errors: as machine's constructor.
inline machine make_machine(const machine_config& config, const machine_faults& faults,
                            trace_log* trace = nullptr)
{
    return machine_inside::with(*new machine_state(config, faults, trace));
}

/// While this lives, RCU does not watch the calling thread, so that it may wait for another one. Whoever it waits for may
/// itself need a grace period: with flavor qsbr that would be a wait for the caller. Context: control.
class not_watched {
public:
    explicit not_watched(const machine_state& state)
        : rcu_(state.rcu), was_watched_(rcu_.knows_idle() && rcu_.is_watching())
    {
        if (was_watched_)
            rcu_.thread_offline();
    }
    ~not_watched()
    {
        if (was_watched_)
            rcu_.thread_online();
    }
    not_watched(const not_watched&) = delete;
    not_watched& operator=(const not_watched&) = delete;

private:
    const domain_rcu& rcu_;
    const bool was_watched_;
};

/// Holds a lock that is held across grace periods. Context: control.
class control_lock {
public:
    control_lock(const machine_state& state, std::mutex& lock) : lock_(lock)
    {
        if (lock_.try_lock())
            return;
        const not_watched waiting(state);
        lock_.lock();
    }
    ~control_lock() { lock_.unlock(); }
    control_lock(const control_lock&) = delete;
    control_lock& operator=(const control_lock&) = delete;

private:
    std::mutex& lock_;
};

/// exchange() for either of its callers. Context: as exchange().
exchange_result publish_handler(machine_state& state, nmi_handler next, publisher by,
                                deadline limit = deadline::none());

/// False in a forked child of the process that built the machine. Context: any.
inline bool is_own_process(const machine_state& state) noexcept
{
    return own_pid() == state.domain.pid;
}
/// False where a grace period would never end: in NMI context, and in a forked child. Context: any.
inline bool may_wait(const machine_state& state) noexcept
{
    return (preempt_count() & hardirq_mask) == 0 && is_own_process(state); // in_irq(), inlined
}

} // namespace nmisim
