// SPDX-License-Identifier: MIT
//
// Everything that a run found out, as plain data: text, JSON and tests use the same struct. Counts are exact and read
// after the drain; times are nanoseconds.
#pragma once

#include "base/histogram.hpp"
#include "machine/trace_log.hpp"
#include "nmi/check.hpp"
#include "verify/run_config.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nmisim {

/// The books of one IRQ line, on one vCPU or on all. The identity is the NMI's.
struct irq_report {
    int irq = 0;
    std::uint64_t raised = 0;
    std::uint64_t handled = 0;
    std::uint64_t coalesced = 0;
    std::uint64_t rejected = 0;
    std::uint64_t offline = 0;
    std::uint64_t unhandled = 0; ///< of the handled ones, those that no handler wanted
};

/// The books of one vCPU. Identity (check `conservation`): raised = handled + coalesced + rejected + offline.
struct cpu_report {
    int cpu = 0;
    int pinned_to = -1; ///< Linux CPU, -1: not pinned
    std::uint64_t raised = 0;
    std::uint64_t handled = 0;   ///< nmi_count(cpu)
    std::uint64_t coalesced = 0; ///< met a pending NMI, as in the hardware latch
    std::uint64_t rejected = 0;  ///< refused by the kernel: EAGAIN, signal queue full
    std::uint64_t offline = 0;   ///< the vCPU was offline
    std::uint64_t unknown = 0;   ///< default action found no reason
    std::uint64_t external = 0;  ///< NMIs that found a reason bit (0x80, 0x40)
    std::uint64_t normal = 0;    ///< events that a handler claimed; can be more than NMIs
    std::uint64_t swallow = 0;   ///< unknown, but its event had been served by the NMI before
    std::uint64_t nested = 0;    ///< NMIs that interrupted an NMI (machine.nesting)
    std::uint64_t restarts = 0;  ///< of the three-state machine
    std::uint64_t max_depth = 0; ///< without that machine
    std::uint64_t max_in_flight = 0;
    std::uint64_t work = 0;          ///< rounds of its workload
    std::uint64_t times_onlined = 0; ///< threads it has had: 1, and one more each time it came back
    std::vector<irq_report> irqs;    ///< one per IRQ line
};

/// What one NMI source did, on all vCPUs.
struct source_report {
    source_kind kind = source_kind::sigqueue;
    bool counted = true; ///< whether it is known how many were due: false for perf, whose clock is CPU time
    std::uint64_t requested = 0; ///< due by the rate, if counted and not --rate max
    std::uint64_t raised = 0;    ///< by sigqueue: all that no other source raised
    std::uint64_t overruns = 0;  ///< timer: of these, expirations that found one pending (coalesced)
    std::uint64_t not_armed = 0; ///< vCPUs that came online and were refused it
};

enum class check_status { pass, fail, nothing_seen };
constexpr std::string_view name_of(check_status s) noexcept
{
    return s == check_status::pass ? "pass" : s == check_status::fail ? "fail" : "nothing-seen";
}

struct check_report {
    check id{};
    check_status status = check_status::nothing_seen;
    std::uint64_t looked_at = 0;
    std::uint64_t failures = 0;
    std::string looked_at_what; ///< unit of looked_at: "handler calls", "NMIs", "grace periods" ...
    std::string evidence;       ///< one phrase for the table: "raised = 5 handled + ...", "worst age 1"
    // The first failure, if any:
    std::string first;     ///< full sentence, with what was seen and expected
    double first_at_s = 0; ///< since the start of the run
    int first_cpu = -1;    ///< -1: control side
    std::uint64_t first_generation = 0;
};

/// One vCPU at the moment of a stall (check `progress`).
struct stall_report {
    int cpu = -1;
    std::string state;                  ///< "in NMI for 1.2 s, handler generation 7"
    std::vector<std::string> backtrace; ///< innermost first; empty where none could be had
};

enum class stop_reason { duration, first_failure, signal, stall, panic };
constexpr std::string_view name_of(stop_reason r) noexcept
{
    constexpr std::string_view names[]{"duration", "first-failure", "signal", "stall", "panic"};
    static_assert(std::size(names) == static_cast<std::size_t>(stop_reason::panic) + 1);
    return names[static_cast<std::size_t>(r)];
}

/// A thing the reader should know to read the numbers right; never a verdict.
struct remark {
    std::string code; ///< stable, for scripts: "rate-not-reached"
    std::string text;
};

/// Handlers that took at least nmi_longest_ns (run_config); all 0 where none is timed.
struct duration_report {
    std::uint64_t too_long = 0; ///< handler calls
    std::uint64_t reported = 0; ///< of these, reported on standard error: new records, rate-limited
    std::uint64_t max_ns = 0;
    std::uint64_t max_cpu_ns = 0; ///< of that call: the rest is time in which its vCPU had no Linux CPU
};

/// What is going on right now, for the status line. Context: control, any thread.
struct run_progress {
    std::uint64_t elapsed_ns = 0;
    std::uint64_t raised = 0;
    std::uint64_t handled = 0;
    std::uint64_t swaps = 0;
    std::uint64_t failures = 0;
};

struct profile_row {
    std::string function; ///< empty: no symbol, somewhere in `object`
    std::string object;
    std::uintptr_t start = 0; ///< of the function or the object
    std::uint64_t samples = 0;
};

/// A part of workload `split`, in shares of 1.
struct split_row {
    std::string function;
    double meant = 0;
    double measured = 0; ///< by the vCPUs' own CPU clocks
    double sampled = 0;  ///< of all samples
};

/// A flat profile (--handler profile). taken + lost = times that a handler ran (check `conservation`).
struct profile_report {
    std::uint64_t taken = 0;
    std::uint64_t lost = 0;        ///< came when the handler's buffer was full
    std::uint64_t drained = 0;     ///< buffers, each after its handler's grace period
    std::vector<profile_row> rows; ///< most samples first
    std::vector<split_row> split;  ///< workload `split` only
};

struct lockup_report {
    int cpu = -1;
    std::uint64_t after_ns = 0;         ///< since its last tick
    std::vector<std::string> backtrace; ///< where it spun, innermost first
};

/// The hard-lockup detector (--handler watchdog).
struct watchdog_report {
    std::uint64_t ticks = 0;
    std::uint64_t looks = 0;            ///< of NMIs: five per threshold and vCPU at most
    std::vector<lockup_report> lockups; ///< the first of each vCPU
};

struct cpu_backtrace {
    int cpu = -1;
    std::vector<std::string> frames; ///< innermost first; empty: it did not answer
};

/// All-CPU backtraces (--handler backtrace).
struct backtrace_report {
    std::uint64_t asked = 0;      ///< requests, one at a time
    std::uint64_t answered = 0;   ///< vCPUs, of all requests
    std::uint64_t unanswered = 0; ///< not within 10 s
    std::uint64_t longest_ns = 0; ///< from the request to the last answer
    std::vector<cpu_backtrace> last;
};

struct run_report {
    run_config config;
    std::uint64_t elapsed_ns = 0; ///< first raise to the end of raising
    nmisim::stop_reason stop_reason = nmisim::stop_reason::duration;
    int stop_signal = 0;  ///< with stop_reason::signal
    bool complete = true; ///< ran for the whole duration

    // NMIs
    std::uint64_t requested = 0;        ///< due by the rate; 0 with --rate max
    std::uint64_t throttled = 0;        ///< times the injector waited for room (in-flight bound)
    std::vector<source_report> sources; ///< in the order asked for
    std::vector<cpu_report> cpus;
    cpu_report total; ///< sum of `cpus`, cpu = -1

    // swaps
    std::uint64_t swaps = 0;
    std::uint64_t chain_swaps = 0; ///< handlers that were taken off the chain, and one added for each
    std::uint64_t late_swaps = 0;  ///< started after their deadline by more than the interval
    std::uint64_t retired = 0;
    std::uint64_t reclaimed = 0;
    std::uint64_t waiting_max = 0; ///< most retired handlers that waited for their grace period at once
    std::array<std::uint64_t, 3> handler_age{}; ///< calls that saw age 0, 1, 2 or more (a violation)

    // vCPU hotplug
    std::uint64_t offlined = 0;
    std::uint64_t onlined = 0;
    std::uint64_t onoff_failed = 0; ///< the system refused the new thread; tried again
    // IRQ lines; swaps of their handlers are not in `swaps`, everything else counts both
    std::vector<irq_report> irqs; ///< one per line, sums over the vCPUs
    std::uint64_t irq_swaps = 0;
    latency irq_delivery;
    latency irq_handler;

    // latencies
    latency delivery; ///< raise to the first instruction of the handler
    latency injector; ///< due time to raise: the tool's own lateness, kept out of `delivery`
    latency handler;  ///< handler's first instruction to its last
    latency publish;
    latency grace_period;
    latency reclaim;
    latency swap;     ///< publish to reclaimed
    latency cpu_down; ///< asked to go offline to its thread's end
    latency cpu_up;   ///< thread started to online

    duration_report long_handlers;
    std::optional<profile_report> profile;
    std::optional<watchdog_report> watchdog;
    std::optional<backtrace_report> backtrace;

    std::vector<check_report> checks; ///< one per check, in the order of the enum
    std::vector<stall_report> stalls;
    std::vector<remark> remarks;

    std::vector<trace_row> trace;       ///< with run_config::trace_limit; absolute times
    std::uint64_t start_ns = 0;         ///< CLOCK_MONOTONIC at the first raise: the timeline's zero
    std::vector<run_progress> progress; ///< at least every 100 ms of a short run; never more than 1000

    bool passed() const noexcept
    {
        for (const check_report& c : checks)
            if (c.status != check_status::pass)
                return false;
        return !checks.empty() && stop_reason != nmisim::stop_reason::panic;
    }
};

} // namespace nmisim
