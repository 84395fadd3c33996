// SPDX-License-Identifier: MIT
#include "cli/verbs/catalog.hpp"

#include "cli/exit_code.hpp"
#include "cli/options/settings.hpp"
#include "cli/options/suggest.hpp"
#include "cli/verbs/verb.hpp"
#include "exec/each_call.hpp"
#include "explore/step/system_call.hpp"
#include "explore/windows/windows.hpp"
#include "report/exec_metric.hpp"
#include "verify/check_info.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

namespace {

template <class E>
struct described {
    E value;
    const char* text;
};

constexpr described<flavor> flavors[]{
    {flavor::memb, "readers in a handler cost no barrier; a grace period uses membarrier(2)"},
    {flavor::mb, "each read side pays memory barriers; grace periods are cheap"},
    {flavor::bp, "readers register themselves"},
    {flavor::qsbr, "quiescent states are announced; nmi_enter brings an offline vCPU online"},
    {flavor::nmi, "not liburcu: nmi_enter's own counter; one locked instruction, grace periods only look"},
    {flavor::srcu,
     "not liburcu: counters of the machine; readers are not registered, two locked instructions"},
};
constexpr described<delivery> deliveries[]{
    {delivery::latch, "as hardware: one NMI executes, one is pending, more coalesce and are counted"},
    {delivery::queue, "each raise is a queued signal, at most --max-in-flight per vCPU"},
};
constexpr described<workload> workloads[]{
    {workload::spin, "computes in user space"},
    {workload::idle, "sleeps; RCU sees an idle CPU"},
    {workload::read, "RCU readers at task level, which the NMI interrupts"},
    {workload::syscall, "system calls that NMIs interrupt (EINTR, SA_RESTART), results verified"},
    {workload::alloc, "malloc and free, contents verified"},
    {workload::split, "three functions that take 60, 30 and 10 % of its time: a profile must show that"},
    {workload::irqoff, "computes with interrupts disabled: no IRQ may come in, NMIs do"},
};
constexpr described<percpu_form> percpu_forms[]{
    {percpu_form::pda, "x86_64: the CPU's own area, through a thread-local pointer"},
    {percpu_form::array, "i386: an array indexed by smp_processor_id()"},
};
constexpr described<nesting> nestings[]{
    {nesting::blocked, "an NMI waits for the one that executes, as hardware blocks it until iret"},
    {nesting::latched,
     "the handler unblocks its signal; NOT_RUNNING, EXECUTING, LATCHED and the restart loop"},
    {nesting::nested, "the handler unblocks its signal and NMIs nest, up to 15 deep"},
};
constexpr described<reclaim> reclaims[]{
    {reclaim::sync, "synchronize_rcu(), then free"},
    {reclaim::call_rcu, "call_rcu(): freed later by a thread of the flavor's"},
};
constexpr described<controller_place> controller_places[]{
    {controller_place::thread, "a thread of its own"},
    {controller_place::vcpu, "vCPU 0: NMIs interrupt the publishing code itself"},
};
constexpr described<source_kind> source_kinds[]{
    {source_kind::sigqueue, "a thread that raises NMIs on every vCPU by absolute deadlines"},
    {source_kind::timer, "each vCPU's own POSIX timer, as the local APIC's; overruns coalesce"},
    {source_kind::perf, "each vCPU's own performance counter (cpu-clock): its CPU time, not wall time"},
    {source_kind::ipi, "vCPUs raise NMIs on each other, each on all others at once"},
};
constexpr described<arrival> arrivals[]{
    {arrival::periodic, "evenly spaced"},
    {arrival::poisson, "at random, independent of each other"},
    {arrival::burst, "N at once, at the same mean rate"},
};
constexpr described<affinity> affinities[]{
    {affinity::automatic,
     "pin each vCPU to a CPU of its own where one is left for the others, which keep off it"},
    {affinity::none, "leave it to the scheduler"},
};
constexpr described<color_when> color_whens[]{
    {color_when::automatic, "on a terminal, unless NO_COLOR is set"},
    {color_when::always, "also into a pipe"},
    {color_when::never, "not at all"},
};
constexpr described<exec::restart> restarts[]{
    {exec::restart::on, "as a careful profiler's: most calls go on by themselves"},
    {exec::restart::off, "each call that waits fails with EINTR"},
    {exec::restart::both, "one after the other"},
};
constexpr described<exec::wait_for> waits[]{
    {exec::wait_for::main, "the command's; what it leaves behind is ended with it"},
    {exec::wait_for::all, "the last of its processes'"},
};

constexpr described<exec::placing> places[]{
    {exec::placing::entry, "at the call's entry: the call meets it wherever it would wait; hits each call"},
    {exec::placing::blocked, "once its thread sleeps in it: tells real waiting from data already there"},
};
constexpr described<exec::forking> forkings[]{
    {exec::forking::automatic, "in a child that is forked there, where that gives the same answer"},
    {exec::forking::never, "in a run of its own"},
};
constexpr described<exec::calls_used> used[]{
    {exec::calls_used::first, "all of them: each signal in a child or run"},
    {exec::calls_used::each, "one of them: many in one run, where it is called often"},
};
constexpr described<exec::masks> masks[]{
    {exec::masks::respect, "it gets none: each finding is something that a real signal could do"},
    {exec::masks::ignore, "its mask is opened for the NMI, as no mask holds one back"},
};
constexpr described<exec::stacks> stacks[]{
    {exec::stacks::cfi, "by what the compiler wrote into .eh_frame, from a copy of the stack; by frame "
                        "pointers where it wrote nothing"},
    {exec::stacks::fp, "by frame pointers alone: for programs and libraries that are built with them"},
    {exec::stacks::leaf, "none: the interrupted function alone"},
};
constexpr described<exec::followed> followed[]{
    {exec::followed::all, "every process"},
    {exec::followed::main, "the command's own; its children are followed and left alone"},
};

/// As many descriptions as the enum has values, or it does not compile.
template <const auto& Values, const auto& All>
std::vector<catalog_entry> entries_of()
{
    static_assert(std::size(Values) == std::size(All));
    std::vector<catalog_entry> all;
    for (const auto& v : Values)
        all.push_back({std::string(name_of(v.value)), v.text});
    return all;
}

template <class Rows, class Entry>
std::vector<catalog_entry> entries_from(const Rows& rows, Entry entry_of)
{
    std::vector<catalog_entry> all;
    for (const auto& row : rows)
        all.push_back(entry_of(row));
    return all;
}

std::vector<catalog_entry> arrival_entries()
{
    auto all = entries_of<arrivals, all_arrivals>();
    for (catalog_entry& e : all)
        if (e.name == name_of(arrival::burst))
            e.name += ":N";
    return all;
}

std::vector<catalog_entry> fault_entries()
{
    return entries_from(all_faults(), [](const fault_info& f) {
        return catalog_entry{std::string(f.name),
                             f.needs_store_buffers
                                 ? fmt::format("{} [found by explore --memory tso]", f.left_out)
                                 : fmt::format("{} [caught by {}]", f.left_out, name_of(f.caught_by))};
    });
}

std::vector<catalog_entry> window_entries()
{
    return entries_from(explore::all_windows(), [](const explore::window_info& w) {
        return catalog_entry{std::string(w.name), std::string(w.what)};
    });
}

std::vector<catalog_entry> call_entries()
{
    constexpr long greatest = 1023;
    std::vector<catalog_entry> all{
        {"all", "each system call, whether a signal can do something to it or not"}};
    for (long nr = 0; nr <= greatest; ++nr)
        if (exec::is_interruptible(nr))
            all.push_back({explore::name_of_system_call(nr), fmt::format("number {}", nr)});
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

std::vector<catalog_entry> entries_of_metrics(const std::vector<metric>& metrics)
{
    return entries_from(metrics, [](const metric& m) { return catalog_entry{m.name, m.what}; });
}

std::vector<catalog_entry> exit_code_entries()
{
    std::vector<catalog_entry> entries;
    for (const exit_code_info& e : all_exit_codes) {
        std::string text(e.meaning);
        if (e.verbs != for_all) {
            std::vector<std::string_view> verbs;
            for (const verb_info& v : all_verbs())
                if (e.is_for(v.id))
                    verbs.push_back(v.name);
            text = fmt::format("{}: {}", fmt::join(verbs, ", "), text);
        }
        if (entries.empty() || entries.back().name != e.code)
            entries.push_back({std::string(e.code), text});
        else
            entries.back().text += "; " + text;
    }
    return entries;
}

const catalog_topic topics[] = {
    {"flavors", "RCU flavors (--flavor)", entries_of<flavors, all_flavors>},
    {"faults", "what can be left out of the pattern (--fault)", fault_entries},
    {"windows", "what explore can explore (--window)", window_entries},
    {"checks", "what every run checks", check_entries},
    {"workloads", "what a vCPU does between NMIs (--workload)", entries_of<workloads, all_workloads>},
    {"deliveries", "how a raised NMI waits (--delivery)", entries_of<deliveries, all_deliveries>},
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
    {"reclaims", "how an old handler's data is freed (--reclaim)", entries_of<reclaims, all_reclaims>},
    {"controllers", "where swaps run (--controller)", entries_of<controller_places, all_controller_places>},
    {"percpu-forms", "where the NMI count of a vCPU lives (--percpu)",
     entries_of<percpu_forms, all_percpu_forms>},
    {"nestings", "what happens to an NMI that comes while another executes (--nesting)",
     entries_of<nestings, all_nestings>},
    {"sources", "where NMIs come from (--source)", entries_of<source_kinds, all_source_kinds>},
    {"memory-models", "which executions of two threads a map explores (explore --memory)",
     [] {
         return std::vector<catalog_entry>{
             {"sc", "sequentially consistent: a store is visible at once"},
             {"tso", "x86-TSO: a store may wait in its thread's store buffer while later loads are done"}};
     }},
    {"restarts", "whether the NMI's handler has SA_RESTART (exec --restart)",
     entries_of<restarts, exec::all_restarts>},
    {"outcomes", "what exec compares (--compare)",
     [] {
         return std::vector<catalog_entry>{{"status", "exit status, signal, or that it did not end"},
                                           {"stdout", "length and hash of standard output"},
                                           {"stderr", "length and hash of standard error"},
                                           {"file=PATH", "length and hash of a file behind the run"}};
     }},
    {"waits", "whose end ends a run (exec --wait)", entries_of<waits, exec::all_wait_fors>},
    {"places", "where in a call an NMI is sent (exec --place)", entries_of<places, exec::all_placings>},
    {"forkings", "how --function puts its signal at an instruction (exec --fork)",
     entries_of<forkings, exec::all_forkings>},
    {"calls-used", "how many signals of --function a call of it gets (exec --calls)",
     entries_of<used, exec::all_calls_used>},
    {"masks", "what a signal mask does to an NMI (exec --mask)", entries_of<masks, exec::all_masks>},
    {"followed", "which processes take NMIs (exec --follow)", entries_of<followed, exec::all_followed>},
    {"stacks", "callers of a sample (exec --stacks)", entries_of<stacks, exec::all_stacks>},
    {"calls", "system calls that a signal can interrupt (exec --each-call=NAME)", call_entries},
    {"affinities", "where vCPUs run (--affinity)", entries_of<affinities, all_affinities>},
    {"colors", "when verdicts are coloured (--color)", entries_of<color_whens, all_color_whens>},
    {"metrics", "what --fail-if can compare: METRIC, one of < <= > >=, a limit",
     [] { return entries_of_metrics(all_metrics()); }},
    {"exec-metrics", "what --fail-if of exec can compare",
     [] { return entries_of_metrics(exec::exec_metrics()); }},
    {"exit-codes", "what the exit status says", exit_code_entries},
};

} // namespace

std::span<const catalog_topic> all_topics()
{
    return topics;
}

const catalog_topic* find_topic(std::string_view name)
{
    return find_named(topics, name);
}

} // namespace nmisim::cli
