// SPDX-License-Identifier: MIT
//
// exc_nmi(): the signal handler; in the kernel, the assembly entry and exc_nmi(). It is the runtime's arrival with a door of
// its own: saves errno (the kernel: CR2), takes the NMI off its line, runs do_nmi and checks from outside:
//
//   nesting       no NMI was interrupted (the signal is blocked inside its own handler), the depth is put back
//   exactly-once  one generation of a checked handler ran, and the default action ran exactly when the
//                 callback returned 0
//   errno         is what it was
//
// Context: nmi.
#pragma once

#include "base/clock.hpp"
#include "nmi/do_nmi.hpp"
#include "probes.hpp" // base/probes_*
#include "runtime/entry/arrive.hpp"
#include "runtime/origin.hpp"

#include <cerrno>
#include <csignal>

namespace nmisim {

/// Compares the bookkeeping of the NMI that has just ended with what the invariants say. Context: nmi.
/// `before`: preempt_count when the NMI came, 0 or an interrupted IRQ's.
void check_after_nmi(percpu& cpu, const pt_regs& regs, std::uint32_t before, nmi_outcome outcome) noexcept;
void check_errno(percpu& cpu, const pt_regs& regs, int before, int after) noexcept;
/// True if this signal is one that this process raised on one of this vCPU's IRQ lines; counts it otherwise. Another
/// machine's line is none of them, although its handler is the same function. Context: irq.
bool is_raised_irq(percpu& cpu, const siginfo_t& info) noexcept;

struct nmi_claim {
    bool ours;
    std::uint64_t stamp; ///< runtime/origin.hpp; 0: nobody wants to know, or nobody can (nmi/cpu_source.hpp)
};
/// Whether this signal is an NMI. If it is, it begins: the latch is open for the next one. Context: nmi.
nmi_claim claim_nmi(percpu& cpu, const siginfo_t& info) noexcept;

/// What is done to the NMI's signal around do_nmi: nothing, it stays blocked. The other is in nmi/entry/nesting.hpp.
struct nmi_stays_blocked {
    static void open(percpu&, std::uint32_t) noexcept {}
    static void close(percpu&) noexcept {}
};

/// One pass: do_nmi, timed and checked. `stamp` 0: nobody wants to know when it was raised.
template <class Rcu, class Entry, class Count, class Window = nmi_stays_blocked>
inline void execute_nmi(percpu& cpu, std::uint64_t stamp, const pt_regs& regs) noexcept
{
    const bool timed = cpu.domain->measure_latency;
    std::uint64_t entered_ns = 0;
    std::uint64_t raised_ns = 0;
    if (timed) {
        entered_ns = now_ns();
        raised_ns = runtime::raised_at_ns(stamp, entered_ns);
        cpu.entered_ns.store(entered_ns, std::memory_order_relaxed); // for stall reports only
    }
    NMISIM_PROBE2(nmi_entry, cpu.cpunumber, raised_ns);
    cpu.generations_run = 0;
    cpu.defaults_run = 0;
    const std::uint32_t before = cpu.count->preempt_count();
    Window::open(cpu, before);
    const nmi_outcome outcome = do_nmi<Rcu, Entry, Count>(cpu, regs);
    Window::close(cpu);
    if (outcome == nmi_outcome::offline)
        ++cpu.offline_seen;
    check_after_nmi(cpu, regs, before, outcome);
    NMISIM_PROBE2(nmi_exit, cpu.cpunumber, cpu.last_generation.read());
    if (timed) {
        cpu.handler.record(now_ns() - entered_ns);
        if (raised_ns != 0 && entered_ns >= raised_ns)
            cpu.delivery.record(entered_ns - raised_ns);
        cpu.entered_ns.store(0, std::memory_order_relaxed);
    }
}

template <class Rcu, class Entry, class Count>
inline void take_nmi(percpu& cpu, std::uint64_t stamp, const pt_regs& regs) noexcept
{
    if constexpr (Entry::drop_latched)
        if (++cpu.drop_tick % 64 == 0) {
            cpu.line.end();
            return;
        }
    execute_nmi<Rcu, Entry, Count>(cpu, stamp, regs);
    cpu.line.end();
}

/// errno is kept, and looked at afterwards by whoever has books for it; spoilt instead by fault clobber-errno.
template <class Entry, void (*check)(percpu&, const pt_regs&, int, int) noexcept>
class checked_errno {
public:
    checked_errno(percpu& cpu, const void* context) noexcept : cpu_(cpu), context_(context), before_(errno)
    {
        if constexpr (!Entry::keep_errno)
            errno = EDOM;
    }
    ~checked_errno()
    {
        if constexpr (Entry::keep_errno)
            errno = before_;
        check(cpu_, pt_regs{static_cast<const ucontext_t*>(context_)}, before_, errno);
    }
    checked_errno(const checked_errno&) = delete;
    checked_errno& operator=(const checked_errno&) = delete;

private:
    percpu& cpu_;
    const void* const context_;
    const int before_;
};

/// The door of a vCPU's NMIs (runtime/entry/arrive.hpp).
template <class Rcu, class Entry, class Count>
struct nmi_door {
    using errno_kept = checked_errno<Entry, check_errno>;
    static percpu* here(int) noexcept { return this_cpu; }
    static bool take(percpu& cpu, const siginfo_t& info, void* context) noexcept
    {
        const nmi_claim claim = claim_nmi(cpu, info);
        if (claim.ours)
            take_nmi<Rcu, Entry, Count>(cpu, claim.stamp, pt_regs{static_cast<const ucontext_t*>(context)});
        return claim.ours;
    }
};

template <class Rcu, class Entry, class Count>
void exc_nmi(int signo, siginfo_t* info, void* context) noexcept
{
    runtime::arrive<nmi_door<Rcu, Entry, Count>>(signo, info, context);
}

} // namespace nmisim
