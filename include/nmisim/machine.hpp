// SPDX-License-Identifier: MIT
//
// A machine of N vCPUs that take NMIs. Threads stand in for CPUs, a real-time signal for the NMI; handlers are
// published by rcu_assign_pointer() and freed after a grace period of the chosen liburcu flavor.
//
//     nmisim::machine m({.cpus = 2});
//     (void)m.exchange(nmisim::make_nmi_handler([hits](const nmisim::pt_regs&, int cpu) noexcept { ...; return 1; }));
//     m.raise_nmi(0);
//     auto [status, old] = m.exchange(next);   // done: every NMI that could see `old` has ended
//
// fork(): a child has the machine's memory but none of its vCPUs. It may exec, _exit(), let a machine go out of
// scope, and build one of its own on another signal_offset, if its flavor was not in use at the fork.
//
// Contexts: "control" is any thread that is not a vCPU of the machine, and a vCPU's workload outside of read-side
// sections; "any" includes NMI.
#pragma once

#include "nmisim/callback.hpp"
#include "nmisim/context.hpp"
#include "nmisim/deadline.hpp"
#include "nmisim/export.hpp"
#include "nmisim/machine_config.hpp"
#include "nmisim/raise_result.hpp"

#include <cstdint>
#include <memory>

namespace nmisim {

struct machine_state;
struct percpu;

enum class sync_result {
    done,
    timed_out, ///< exchange() only: the new handler is published, the old one is destroyed later, once
    refused_in_interrupt, ///< it would wait for its own NMI or IRQ
    refused_in_child,     ///< in a forked child: its vCPUs are not there, and RCU would wait for them
    refused_by_chains,    ///< exchange() only: handlers are registered on chains (nmisim/nmi_chain.hpp)
    refused_at_end,       ///< the machine has been destroyed
};

/// What became of an exchange().
struct exchange_result {
    sync_result status;
    /// done: what was published before, null if nothing was. timed_out: null. Refused: the new handler, unpublished.
    nmi_handler old;
};

/// A vCPU as its workload sees it.
class NMISIM_API vcpu {
public:
    int number() const noexcept;
    /// True when the vCPU is asked to go offline; a workload round should end soon then.
    bool stopping() const noexcept;
    /// "No RCU-protected pointer is held here." Needed by flavor qsbr at least once per grace period.
    /// Context: vcpu, outside of read-side sections.
    void quiescent_state() noexcept;
    /// One round of the configured workload, from inside a custom one. Context: vcpu.
    void workload_round();

    vcpu(machine_state& machine, percpu& area) noexcept : machine_(machine), area_(area) {}

private:
    machine_state& machine_;
    percpu& area_;
};

class NMISIM_API machine {
public:
    /// Builds the machine and brings every vCPU online.
    ///
    /// Context: control. Errors: std::invalid_argument for a configuration that contradicts itself;
    /// std::system_error if the system refuses a thread or another machine has the signal.
    explicit machine(const machine_config& config);
    /// Takes every vCPU offline, waits a grace period and frees the handler it owns. The signal keeps a
    /// harmless handler: a late one must not kill the process. In a forked child it does nothing: there are no
    /// vCPUs to end, and what they held is theirs.
    ///
    /// Lifetime: a machine of static storage is destroyed by exit(), maybe on one of its vCPUs, which then leaves its machine
    /// and goes on as a plain thread. Other threads may still raise: such a raise is `offline`, because what it touches is
    /// never freed. After the end of another machine nobody may use it, as with any object.
    ~machine();
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    /// vCPUs have the numbers 0 to cpus() - 1. Another number is `no_such_cpu` for raise_nmi() and false for cpu_online();
    /// elsewhere it is a bug of the caller, and ends the program with a line that says so.
    int cpus() const noexcept;

    /// Publishes a callback that the caller keeps owning. No lock, no owner check: the last writer wins.
    ///
    /// Context: any. Ordering: release. Lifetime: free it only after unset_nmi_callback() and
    /// synchronize_rcu(). Kernel: set_nmi_callback(), i386 traps.c.
    void set_nmi_callback(nmi_callback& callback) noexcept;
    /// Puts dummy_nmi_callback back. Context: any. Ordering: release. Kernel: unset_nmi_callback().
    void unset_nmi_callback() noexcept;
    /// Returns when every NMI and reader that had begun has ended.
    ///
    /// Context: control. In NMI context it would wait for itself: refused (the kernel WARNs), and in a forked child as well.
    /// Ordering: after `done` the caller sees what they stored.
    sync_result synchronize_rcu();

    /// Publishes `next`, waits a grace period, returns the handler that the exchange() before published (null if there
    /// was none): no NMI can see it any more, so it can be destroyed safely. A null `next` publishes dummy_nmi_callback.
    ///
    /// Exactly-once: every NMI runs either the old or the new handler, one of them, once. Ordering: an NMI that runs `next`
    /// sees all that was stored before the call; after `done` the caller sees what NMIs stored in the old handler.
    /// Context: control; callers publish one after the other, not waiting for the others' grace periods, and each gets what
    /// the one before it has published. Refused in NMI context, in a forked child, and while handlers are registered on
    /// chains: `next` comes back unpublished.
    ///
    /// With a `limit` it waits no longer than that. timed_out: `next` is published, and the machine destroys the old handler, once,
    /// when no NMI can see it any more, at the latest in the destructor; nobody gets it. The first exchange() with a limit
    /// starts a thread that waits in the callers' place. Errors: std::system_error if there is none to be had.
    [[nodiscard]] exchange_result exchange(nmi_handler next, deadline limit = deadline::none());

    /// Raises an NMI on vCPU `cpu`.
    /// Identity, per vCPU, after a drain: raised = handled + coalesced + rejected + offline; `full` was not raised.
    /// Context: any. Progress: lock-free, one system call. Ordering: the NMI sees what was stored before; so does the one
    /// that it coalesces with. Errors: none; see raise_result.
    raise_result raise_nmi(int cpu) noexcept;

    /// Sets the reason byte that default_do_nmi() looks at: 0x80 memory parity error, 0x40 I/O check.
    /// Context: any. Ordering: an NMI that is raised later sees it. Kernel: port 0x61.
    void set_reason(std::uint8_t reason) noexcept;

    /// Times the NMI handler has run on `cpu`. Context: any. Kernel: nmi_count(), row NMI of /proc/interrupts.
    std::uint64_t nmi_count(int cpu) const noexcept;

    /// True while `cpu` takes NMIs. Context: any.
    bool cpu_online(int cpu) const noexcept;
    /// Brings a vCPU online; returns when it takes NMIs. Context: control, as cpu_down. Errors: std::system_error.
    void cpu_up(int cpu);
    /// Takes a vCPU offline: its last NMI has ended and its thread too. Its counters stay. Raises are refused
    /// from the beginning, so that a storm of NMIs cannot keep it online.
    /// Context: control. The caller must not run cpu_up and cpu_down of one machine concurrently. Refused to a vCPU for
    /// itself, and in NMI and IRQ context, where others may wait for the caller; with a message (machine_config).
    void cpu_down(int cpu);
    /// Takes all vCPUs offline in parallel: one by one is slow where many share a Linux CPU.
    /// Context: control, on none of its vCPUs; refused there, and in NMI and IRQ context, with a message.
    void all_cpus_down() noexcept;

    /// Waits until every NMI and IRQ raised before has been taken, also while others are being raised; false if not within
    /// `timeout_ns`. Ordering: after true the caller sees what they stored. Context: control; false in NMI and IRQ context.
    [[nodiscard]] bool drain(std::uint64_t timeout_ns);

private:
    friend struct machine_inside;
    explicit machine(machine_state& made);

    machine_state* const state_; ///< stays as it is behind the end of a static machine, for late raises
};

} // namespace nmisim
