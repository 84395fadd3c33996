// SPDX-License-Identifier: MIT
//
// When an NMI interrupts an NMI. The hardware holds NMIs off until iret, but any iret ends that: one from an
// exception inside the handler (a page fault, a breakpoint) lets the next NMI in while this one is still running. Here
// the signal is blocked inside its own handler, and these two entries unblock it on purpose.
//
// exc_nmi_latched: what i386 does, and x86_64 for NMIs from user mode (exc_nmi() of arch/x86/kernel/nmi.c).
//
//                       NMI                        NMI                       NMI
//       NOT_RUNNING ----------> EXECUTING ----------------> LATCHED --------------> LATCHED (a store: merged)
//            ^                   |  ^                          |
//            |   ends: 1 -> 0    |  |        ends: 2 -> 1      |
//            +-------------------+  +--------------------------+
//                                     goto nmi_restart: the whole body again
//
//   A nested NMI stores LATCHED and returns at once; however many came, there is one further pass. The state is
//   decremented in one instruction, because an NMI may come on either side of it. What the NMI must restore (the
//   kernel: CR2) is restored before the decrement, because after it the next NMI may begin on top.
//
// exc_nmi_nested: no state machine. NMIs nest as deep as preempt_count can say, 15; the 15th keeps its signal blocked.
//   On top of an IRQ it is the 14th, because each NMI counts as an IRQ as well.
//   Each level keeps its state in a frame of its own, as user mode's NMIs on the thread stack do.
//
// An x86_64 NMI from kernel mode has one frame at a fixed place, its IST stack: a nested one overwrites it, unless a
// state machine keeps it from doing so. `fixed_frame` is that place; exc_nmi_latched uses it, and fault nested-stack
// is exc_nmi_nested with it. Both entries look at their frame when they end (check `nesting`).
//
// Context: nmi.
#pragma once

#include "nmi/entry/exc_nmi.hpp"

#include <csignal>

namespace nmisim {

/// Kernel: the 4 bits of NMI_MASK; the next one is a BUG.
inline constexpr std::uint32_t nmi_most_nested = 15;

/// The iret that comes too early. Context: nmi.
void open_nmi_window(const percpu& cpu) noexcept;
void close_nmi_window(const percpu& cpu) noexcept;

/// Around do_nmi: the signal is unblocked, except at the deepest level. `before`: preempt_count when the NMI came.
struct nmi_window {
    static void open(percpu& cpu, std::uint32_t before) noexcept;
    static void close(percpu& cpu) noexcept;
};

/// Compares an NMI's frame with what it stored there. Context: nmi, window closed or state EXECUTING.
void check_nmi_frame(percpu& cpu, const nmi_stack_frame& found, const nmi_stack_frame& stored) noexcept;

/// What belongs to the NMI under way in the percpu area, kept while another one runs on top.
class interrupted_nmi {
public:
    explicit interrupted_nmi(percpu& cpu) noexcept
        : cpu_(cpu), generations_run_(cpu.generations_run), defaults_run_(cpu.defaults_run),
          claimed_reason_(cpu.stats.claimed_reason),
          entered_ns_(cpu.entered_ns.load(std::memory_order_relaxed)) // own thread only
    {
        cpu.stats.claimed_reason = 0; // the bit belongs to the NMI that took it
    }
    ~interrupted_nmi()
    {
        cpu_.generations_run = generations_run_;
        cpu_.defaults_run = defaults_run_;
        cpu_.stats.claimed_reason = claimed_reason_;
        cpu_.entered_ns.store(entered_ns_, std::memory_order_relaxed); // own thread only
    }
    interrupted_nmi(const interrupted_nmi&) = delete;
    interrupted_nmi& operator=(const interrupted_nmi&) = delete;

private:
    percpu& cpu_;
    std::uint32_t generations_run_;
    std::uint32_t defaults_run_;
    std::uint8_t claimed_reason_;
    std::uint64_t entered_ns_;
};

/// True for the NMI that executes; false for one that interrupted it, which is then latched or merged.
/// Context: nmi, its signal blocked.
inline bool begin_executing(percpu& cpu, std::uint64_t stamp) noexcept
{
    nmi_nesting& nesting = cpu.nesting;
    const int state = nesting.state.load(std::memory_order_relaxed); // own thread only
    if (state == nmi_not_running) {
        nesting.state.store(nmi_executing, std::memory_order_relaxed); // as above
        return true;
    }
    ++nesting.nested;
    if (state == nmi_latched) {
        ++nesting.merged;
        cpu.line.end_in_window();
    } else {
        nesting.latched_stamp = stamp;
    }
    nesting.state.store(nmi_latched, std::memory_order_relaxed); // a store, no increment: five are one
    return false;
}

/// The executing NMI: its body, once more for each time that it was latched meanwhile.
template <class Rcu, class Entry, class Count>
void execute_passes(percpu& cpu, std::uint64_t stamp, const pt_regs& regs, int errno_before) noexcept
{
    const nmi_stack_frame frame{instruction_pointer(regs), ++cpu.nesting.sequence};
    cpu.nesting.fixed_frame = frame;
    open_nmi_window(cpu);
    for (;;) {
        execute_nmi<Rcu, Entry, Count>(cpu, stamp, regs);
        check_nmi_frame(cpu, cpu.nesting.fixed_frame, frame);
        cpu.line.end_in_window();
        errno = errno_before;
        check_errno(cpu, regs, errno_before, errno);
        // One instruction. Kernel: this_cpu_dec_return(nmi_state).
        if (cpu.nesting.state.fetch_sub(1, std::memory_order_relaxed) == nmi_executing) // own thread only
            return;
        ++cpu.nesting.restarts;
        stamp = cpu.nesting.latched_stamp;
    }
}

/// The door of exc_nmi_latched. It keeps errno itself, once a pass.
template <class Rcu, class Entry, class Count>
struct latched_door {
    struct errno_kept {
        errno_kept(percpu&, const void*) noexcept {}
    };
    static percpu* here(int) noexcept { return this_cpu; }
    static bool take(percpu& cpu, const siginfo_t& info, void* context) noexcept
    {
        const int errno_before = errno;
        const nmi_claim claim = claim_nmi(cpu, info);
        if (claim.ours && begin_executing(cpu, claim.stamp))
            execute_passes<Rcu, Entry, Count>(cpu, claim.stamp,
                                              pt_regs{static_cast<const ucontext_t*>(context)}, errno_before);
        return claim.ours;
    }
};

template <class Rcu, class Entry, class Count>
void exc_nmi_latched(int signo, siginfo_t* info, void* context) noexcept
{
    runtime::arrive<latched_door<Rcu, Entry, Count>>(signo, info, context);
}

/// The door of exc_nmi_nested.
template <class Rcu, class Entry, class Count>
struct nested_door : nmi_door<Rcu, Entry, Count> {
    static bool take(percpu& cpu, const siginfo_t& info, void* context) noexcept
    {
        const nmi_claim claim = claim_nmi(cpu, info);
        if (!claim.ours)
            return false;
        const interrupted_nmi kept(cpu);
        const pt_regs regs{static_cast<const ucontext_t*>(context)};
        const nmi_stack_frame stored{instruction_pointer(regs), ++cpu.nesting.sequence};
        nmi_stack_frame own = stored;
        nmi_stack_frame& place = Entry::fixed_frame ? cpu.nesting.fixed_frame : own;
        place = stored;
        execute_nmi<Rcu, Entry, Count, nmi_window>(cpu, claim.stamp, regs);
        check_nmi_frame(cpu, place, stored);
        cpu.line.end();
        return true;
    }
};

template <class Rcu, class Entry, class Count>
void exc_nmi_nested(int signo, siginfo_t* info, void* context) noexcept
{
    runtime::arrive<nested_door<Rcu, Entry, Count>>(signo, info, context);
}

} // namespace nmisim
