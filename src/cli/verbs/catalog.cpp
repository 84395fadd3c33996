// SPDX-License-Identifier: MIT
#include "cli/verbs/catalog.hpp"

#include "cli/exit_code.hpp"
#include "cli/options/settings.hpp"
#include "explore/windows/windows.hpp"
#include "verify/check_info.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

// One describe() per enum, each a switch without a default: a new value without a description is a warning.

const char* describe(flavor f)
{
    switch (f) {
    case flavor::memb: return "readers in a handler cost no barrier; a grace period uses membarrier(2)";
    case flavor::mb: return "each read side pays memory barriers; grace periods are cheap";
    case flavor::bp: return "readers register themselves";
    case flavor::qsbr: return "quiescent states are announced; nmi_enter brings an offline vCPU online";
    case flavor::nmi:
        return "not liburcu: nmi_enter's own counter; one locked instruction, grace periods only look";
    }
    return "";
}

const char* describe(delivery d)
{
    switch (d) {
    case delivery::latch:
        return "as hardware: one NMI executes, one is pending, more coalesce and are counted";
    case delivery::queue: return "each raise is a queued signal, at most --max-in-flight per vCPU";
    }
    return "";
}

const char* describe(workload w)
{
    switch (w) {
    case workload::spin: return "computes in user space";
    case workload::idle: return "sleeps; RCU sees an idle CPU";
    case workload::read: return "RCU readers at task level, which the NMI interrupts";
    case workload::syscall: return "system calls that NMIs interrupt (EINTR, SA_RESTART), results verified";
    case workload::alloc: return "malloc and free, contents verified";
    case workload::split: return "three functions that share its time 60 : 30 : 10, to hold profiles against";
    case workload::irqoff: return "computes with interrupts disabled: no IRQ may come in, NMIs do";
    }
    return "";
}

const char* describe(percpu_form p)
{
    switch (p) {
    case percpu_form::pda: return "x86_64: the CPU's own area, through a thread-local pointer";
    case percpu_form::array: return "i386: an array indexed by smp_processor_id()";
    }
    return "";
}

const char* describe(nesting n)
{
    switch (n) {
    case nesting::blocked: return "an NMI waits for the one that executes, as hardware blocks it until iret";
    case nesting::latched:
        return "the handler unblocks its signal; NOT_RUNNING, EXECUTING, LATCHED and the restart loop";
    case nesting::nested: return "the handler unblocks its signal and NMIs nest, up to 15 deep";
    }
    return "";
}

const char* describe(reclaim r)
{
    switch (r) {
    case reclaim::sync: return "synchronize_rcu(), then free";
    case reclaim::call_rcu: return "call_rcu(): freed later by liburcu's own thread";
    }
    return "";
}

const char* describe(controller_place p)
{
    switch (p) {
    case controller_place::thread: return "a thread of its own";
    case controller_place::vcpu: return "vCPU 0: NMIs interrupt the publishing code itself";
    }
    return "";
}

const char* describe(source_kind s)
{
    switch (s) {
    case source_kind::sigqueue: return "a thread that raises NMIs on every vCPU by absolute deadlines";
    case source_kind::timer: return "each vCPU's own POSIX timer, as the local APIC's; overruns coalesce";
    case source_kind::perf:
        return "each vCPU's own performance counter (cpu-clock): its CPU time, not wall time";
    case source_kind::ipi: return "vCPUs raise NMIs on each other, each on all others at once";
    }
    return "";
}

const char* describe(arrival a)
{
    switch (a) {
    case arrival::periodic: return "evenly spaced";
    case arrival::poisson: return "at random, independent of each other";
    case arrival::burst: return "N at once, at the same mean rate";
    }
    return "";
}

const char* describe(affinity a)
{
    switch (a) {
    case affinity::automatic:
        return "pin each vCPU to a CPU of its own where one is left for the others, which keep off it";
    case affinity::none: return "leave it to the scheduler";
    }
    return "";
}

const char* describe(color_when c)
{
    switch (c) {
    case color_when::automatic: return "on a terminal, unless NO_COLOR is set";
    case color_when::always: return "also into a pipe";
    case color_when::never: return "not at all";
    }
    return "";
}

template <typename Values>
std::vector<catalog_entry> entries_of(const Values& values)
{
    std::vector<catalog_entry> all;
    for (const auto& v : values)
        all.push_back({std::string(name_of(v)), describe(v)});
    return all;
}

std::vector<catalog_entry> arrival_entries()
{
    auto all = entries_of(all_arrivals);
    for (catalog_entry& e : all)
        if (e.name == name_of(arrival::burst))
            e.name += ":N";
    return all;
}

std::vector<catalog_entry> fault_entries()
{
    std::vector<catalog_entry> all;
    for (const fault_info& f : all_faults())
        all.push_back(
            {std::string(f.name), fmt::format("{} [caught by {}]", f.left_out, name_of(f.caught_by))});
    return all;
}

std::vector<catalog_entry> window_entries()
{
    std::vector<catalog_entry> all;
    for (const explore::window_info& w : explore::all_windows())
        all.push_back({std::string(w.name), std::string(w.what)});
    return all;
}

std::vector<catalog_entry> check_entries()
{
    std::vector<catalog_entry> all;
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto c = static_cast<check>(i);
        all.push_back({std::string(name_of(c)), std::string(info_of(c).invariant)});
    }
    return all;
}

std::vector<catalog_entry> metric_entries()
{
    std::vector<catalog_entry> all;
    for (const metric& m : all_metrics())
        all.push_back({m.name, m.what});
    return all;
}

std::vector<catalog_entry> exit_code_entries()
{
    std::vector<catalog_entry> all;
    for (const exit_code_info& e : all_exit_codes)
        all.push_back({std::string(e.code), std::string(e.meaning)});
    return all;
}

const catalog_topic topics[] = {
    {"flavors", "RCU flavors (--flavor)", [] { return entries_of(all_flavors); }},
    {"faults", "what can be left out of the pattern (--fault)", fault_entries},
    {"windows", "what explore can explore (--window)", window_entries},
    {"checks", "what every run checks", check_entries},
    {"workloads", "what a vCPU does between NMIs (--workload)", [] { return entries_of(all_workloads); }},
    {"deliveries", "how a raised NMI waits (--delivery)", [] { return entries_of(all_deliveries); }},
    {"arrivals", "when NMIs come (--arrival)", arrival_entries},
    {"handlers", "what a handler does (--handler)",
     [] {
         return std::vector<catalog_entry>{
             {"count", "counts, and verifies its own data"},
             {"slow:TIME", "the same, and stays in the NMI for TIME"},
             {"profile", "samples the interrupted instruction; the report is a flat profile; "
                         "profile:N: room for N samples per vCPU between two swaps"},
             {"watchdog", "finds vCPUs that take no tick for 3/5 to 4/5 of a threshold of 1s; "
                          "watchdog:TIME: of TIME (the kernel's is 10s)"},
             {"backtrace", "answers requests for a backtrace of all vCPUs, one a second; "
                           "backtrace:TIME: every TIME"}};
     }},
    {"reclaims", "how an old handler's data is freed (--reclaim)", [] { return entries_of(all_reclaims); }},
    {"controllers", "where swaps run (--controller)", [] { return entries_of(all_controller_places); }},
    {"percpu-forms", "where the NMI count of a vCPU lives (--percpu)",
     [] { return entries_of(all_percpu_forms); }},
    {"nestings", "what an NMI does that comes while one executes (--nesting)",
     [] { return entries_of(all_nestings); }},
    {"sources", "where NMIs come from (--source)", [] { return entries_of(all_source_kinds); }},
    {"affinities", "where vCPUs run (--affinity)", [] { return entries_of(all_affinities); }},
    {"colors", "when verdicts are coloured (--color)", [] { return entries_of(all_color_whens); }},
    {"metrics", "what --fail-if can compare: METRIC, one of < <= > >=, a limit", metric_entries},
    {"exit-codes", "what the exit status says", exit_code_entries},
};

} // namespace

std::span<const catalog_topic> all_topics()
{
    return topics;
}

const catalog_topic* find_topic(std::string_view name)
{
    const auto found = std::find_if(std::begin(topics), std::end(topics),
                                    [&](const catalog_topic& t) { return t.name == name; });
    return found == std::end(topics) ? nullptr : &*found;
}

} // namespace nmisim::cli
