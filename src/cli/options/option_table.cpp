// SPDX-License-Identifier: MIT
#include "cli/options/option_table.hpp"

#include "cli/options/setters.hpp"
#include "cli/options/value.hpp"

#include <algorithm>

namespace nmisim::cli {

// Several files are compiled as one, and these short names are for this table only.
namespace rows {

using enum group;
using enum value_kind;
using text = std::string_view;

constexpr std::uint64_t most_vcpus = 4096;
// between two looks; the scheduler alone takes a few ms
constexpr std::uint64_t shortest_stall_ns = 10'000'000;
constexpr std::uint64_t most_irqs = 16;
constexpr std::uint64_t most_chained = 64;
constexpr std::uint64_t most_in_flight = 1'000'000;
constexpr std::uint64_t greatest_seed = (std::uint64_t{1} << 53) - 1; // exact in every JSON reader

const option_spec table[] = {
    // Load
    {"rate", 'r', "N", "10k", load, for_run | for_exec,
     "NMIs per second and vCPU; k, M, or 'max': as fast as they are taken; of exec: per thread, 1k unless "
     "given",
     set_rate},
    {"source", 0, "KIND[,KIND]", "sigqueue", load, for_run,
     "where NMIs come from, each at --rate: sigqueue, timer, perf, ipi; several with commas", set_source,
     words, "sources"},
    {"arrival", 0, "KIND", "periodic", load, for_run,
     "periodic, poisson or burst:N (N at once, at the same mean rate)", set_arrival, words, "arrivals"},
    {"delivery", 0, "KIND", "latch", load, for_run,
     "latch: as hardware, one NMI executes and one is pending, more coalesce; queue: each raise is queued",
     [](settings& s, text v) { s.run.machine.delivery = parse_choice(v, "a delivery", all_deliveries); },
     words, "deliveries"},
    {"max-in-flight", 0, "N", "64", load, for_run,
     "most NMIs per vCPU that are raised and not yet handled; with --delivery queue",
     [](settings& s, text v) {
         s.run.machine.max_in_flight = static_cast<unsigned>(parse_count(v, 1, most_in_flight));
     }},
    {"irqs", 0, "N", "0", load, for_run,
     "number of IRQ lines (maskable interrupts); their handlers are swapped as well",
     [](settings& s, text v) { s.run.machine.irqs = static_cast<int>(parse_count(v, 0, most_irqs)); }},
    {"irq-rate", 0, "N", "1k", load, for_run, "IRQs per second, line and vCPU; with --irqs",
     [](settings& s, text v) { s.run.irq_rate_hz = parse_rate_hz(v); }},

    // Machine
    {"cpus", 'c', "N", "allowed CPUs - 1, at least 1", machine, for_run,
     "number of vCPUs (threads that take NMIs)",
     [](settings& s, text v) { s.cpus = static_cast<int>(parse_count(v, 1, most_vcpus)); }},
    {"flavor", 0, "NAME", "memb", machine, for_run | for_explore,
     "RCU flavor: memb, mb, bp, qsbr (liburcu's), nmi, srcu; with explore also 'all'", set_flavor, words,
     "flavors"},
    {"workload", 0, "NAME", "spin", machine, for_run,
     "what a vCPU does between NMIs: spin, idle, read, syscall, alloc, split, irqoff",
     [](settings& s, text v) { s.run.machine.workload = parse_choice(v, "a workload", all_workloads); },
     words, "workloads"},
    {"onoff-interval", 0, "TIME", "never", machine, for_run,
     "time between vCPU hotplug events: one goes offline or comes back; 0: back to back; never; a bare "
     "number "
     "is milliseconds",
     set_onoff_interval},
    {"percpu", 0, "FORM", "pda", machine, for_run,
     "where the NMI count of a vCPU is kept: pda (x86_64) or array (i386)",
     [](settings& s, text v) { s.run.machine.percpu = parse_choice(v, "a per-CPU form", all_percpu_forms); },
     words, "percpu-forms"},
    {"nesting", 0, "KIND", "blocked", machine, for_run,
     "an NMI while one executes: blocked until it ends; latched by the three-state machine; nested",
     [](settings& s, text v) { s.run.machine.nesting = parse_choice(v, "a nesting", all_nestings); }, words,
     "nestings"},
    {"signal", 0, "NAME", "RTMIN+1", machine, for_run | for_exec,
     "real-time signal that stands for the NMI; of exec, any (USR1): whose handlers --audit looks at, "
     "all unless given; whose --function puts",
     set_signal},
    {"affinity", 0, "KIND", "auto", machine, for_run,
     "auto: pin each vCPU to a CPU of its own, if one is left for the injector; none",
     [](settings& s, text v) { s.affinity = parse_choice(v, "an affinity", all_affinities); }, words,
     "affinities"},
    {"no-latency", 0, "", "", machine, for_run,
     "read no clock at raise, handler entry and exit: no such latencies, and an NMI costs less",
     [](settings& s, text v) { s.run.machine.measure_latency = !parse_flag(v); }},
    {"panic-on-unknown-nmi", 0, "", "", machine, for_run, "end the run at an NMI that nobody claims",
     [](settings& s, text v) { s.run.machine.panic_on_unknown_nmi = parse_flag(v); }},

    // Handlers
    {"swap-interval", 'i', "TIME", "10ms", handlers, for_run,
     "time between swaps of the handler; 0: back to back; never; a bare number is milliseconds",
     set_swap_interval},
    {"handler", 0, "KIND", "count", handlers, for_run,
     "count; slow:TIME, which takes TIME in each NMI; or a job: profile, watchdog, backtrace", set_handler,
     words, "handlers"},
    {"chain", 0, "N", "0", handlers, for_run,
     "put the handler on the LOCAL chain, with N others, one of them replaced at each swap; 0: no chain",
     [](settings& s, text v) { s.run.chain = static_cast<int>(parse_count(v, 0, most_chained)); }},
    {"nmi-longest", 0, "TIME", "never", handlers, for_run,
     "time each handler, and report one that takes at least TIME and longer than any before; never",
     [](settings& s, text v) {
         s.run.nmi_longest_ns = v == "never" ? 0 : std::max<std::uint64_t>(1, parse_duration_ns(v));
     }},
    {"reclaim", 0, "KIND", "sync", handlers, for_run,
     "how an old handler's data is freed: sync (synchronize_rcu) or call_rcu",
     [](settings& s, text v) { s.run.reclaim = parse_choice(v, "a way to reclaim", all_reclaims); }, words,
     "reclaims"},
    {"controller", 0, "PLACE", "thread", handlers, for_run,
     "where swaps run: thread (one of its own) or vcpu (vCPU 0, where NMIs interrupt the publishing code)",
     [](settings& s, text v) { s.run.controller_place = parse_choice(v, "a place", all_controller_places); },
     words, "controllers"},

    // Run
    {"duration", 'd', "TIME", "10s", run, for_run,
     "length of the run; 0: until Ctrl-C; a bare number is seconds",
     [](settings& s, text v) { s.run.duration_ns = parse_duration_ns(v, bare_number::seconds); }},
    {"seed", 0, "N", "from the clock", run, for_run | for_exec,
     "seed of what is random: when the NMIs of --arrival poisson are due, and which vCPU --onoff-interval "
     "takes offline; of exec: when NMIs are sent; printed in every report",
     [](settings& s, text v) { s.seed = parse_count(v, 0, greatest_seed); }},
    {"stall-timeout", 0, "TIME", "10s", run, for_run, "no progress for so long fails the check 'progress'",
     [](settings& s, text v) {
         s.run.stall_timeout_ns = parse_duration_from_ns(v, shortest_stall_ns, bare_number::seconds);
     }},

    {"restart", 0, "WHICH", "on", run, for_exec,
     "whether the NMI's handler has SA_RESTART: on, as a careful profiler's; off; both, one after the other",
     [](settings& s, text v) { s.exec.restarts = parse_choice(v, "a choice", exec::all_restarts); }, words,
     "restarts"},
    {"baseline", 0, "N", "2", run, for_exec,
     "plain runs, without NMIs and untraced, that outcomes are compared with",
     [](settings& s, text v) { s.exec.baseline = static_cast<unsigned>(parse_count(v, 1, 100)); }},
    {"timeout", 0, "TIME", "10 times the plain run and 5s", run, for_exec,
     "longest that a run may take before it counts as a hang; a bare number is seconds",
     [](settings& s, text v) {
         s.exec.timeout_ns = parse_duration_from_ns(v, 1'000'000, bare_number::seconds);
     }},
    {"wait", 0, "WHOM", "main", run, for_exec,
     "a run ends with the command (main; what it leaves behind is ended too) or with the last of its "
     "processes (all)",
     [](settings& s, text v) { s.exec.waits = parse_choice(v, "a choice", exec::all_wait_fors); }, words,
     "waits"},
    {"mask", 0, "WHICH", "respect", run, for_exec,
     "a thread that blocks the NMI's signal: gets none (respect); its mask is opened for it (ignore)",
     [](settings& s, text v) { s.exec.mask = parse_choice(v, "a choice", exec::all_masks); }, words, "masks"},
    {"follow", 0, "WHOM", "all", run, for_exec,
     "which processes take NMIs: all of them, or the command's own (main)",
     [](settings& s, text v) { s.exec.follow = parse_choice(v, "a choice", exec::all_followed); }, words,
     "followed"},
    {"jobs", 0, "N", "1", run, for_exec, "runs at a time; with --each-call",
     [](settings& s, text v) { s.exec.jobs = static_cast<unsigned>(parse_count(v, 1, 256)); }},
    {"stdin", 0, "FILE", "/dev/null", run, for_exec,
     "the command's standard input, from its start in each run",
     [](settings& s, text v) { s.exec.stdin_file = file_to_read(v); }, file},

    // Checks
    {"each-call", 0, "[=NAME[,NAME]]", "", checks, for_exec,
     "no storm: an NMI in each system call that a signal can interrupt, one a run; =read,poll: in these; "
     "=all: in "
     "each",
     set_each_call, words, "calls"},
    {"place", 0, "WHERE", "entry", checks, for_exec,
     "where in a call --each-call sends its NMI: at its entry, or once the thread sleeps in it",
     [](settings& s, text v) { s.exec.placing = parse_choice(v, "a place", exec::all_placings); }, words,
     "places"},
    {"at", 0, "ADDRESS", "", checks, for_exec,
     "only in the call of that address, as --each-call names it, or at that instruction and visit, as "
     "--function "
     "does; repeatable",
     set_at, free_text, "", true},
    {"limit", 0, "N", "0", checks, for_exec,
     "most calls that --each-call tries, or instructions that --function does; 0: all of them",
     [](settings& s, text v) { s.exec.limit = parse_count(v, 0, 1'000'000'000); }},
    {"shard", 0, "I/N", "1/1", checks, for_exec,
     "only the I-th of N parts of the calls, for N machines; 'nmi-sim merge' makes their results one",
     set_shard},
    {"resume", 0, "", "", checks, for_exec,
     "with --each-call or --function and -o FILE: go on from FILE.journal, which a run that was killed has "
     "left",
     [](settings& s, text v) { s.resume = parse_flag(v); }},
    {"compare", 0, "WHAT[,WHAT]", "status,stdout,stderr", checks, for_exec,
     "what an outcome is: status, stdout, stderr, file=PATH", set_compare, words, "outcomes"},
    {"window", 'w', "NAME", "all but vcpu-exit", checks, for_explore,
     "what to explore; 'nmi-sim list windows' names them; repeatable", set_window, words, "windows", true},
    {"map", 0, "", "", checks, for_explore,
     "full maps: each boundary of the reader x each of the updater, in both orders",
     [](settings& s, text v) { s.explore.full_map = parse_flag(v); }},
    {"memory", 0, "MODEL", "sc", checks, for_explore,
     "maps: sc, a store is visible at once; tso: as x86 has it, a store may wait in a store buffer; full "
     "maps",
     set_memory, words, "memory-models"},
    {"preemptions", 0, "N", "1", checks, for_explore, "maps: of each thread, at most; more than 1: full maps",
     [](settings& s, text v) { s.explore.within.preemptions = static_cast<unsigned>(parse_count(v, 1, 4)); }},
    {"nmis", 0, "N", "1", checks, for_explore,
     "maps: 2, one NMI more on the reader's thread, inside what it does or after it; full maps",
     [](settings& s, text v) { s.explore.nmis = static_cast<unsigned>(parse_count(v, 1, 2)); }},
    {"readers", 0, "N", "1", checks, for_explore,
     "maps: 2, two readers and the updater; without store buffers, and without a picture",
     [](settings& s, text v) { s.explore.readers = static_cast<unsigned>(parse_count(v, 1, 2)); }},
    {"no-reduction", 0, "", "", checks, for_explore,
     "full maps by a run for each pair of boundaries, and not only for those where both touch the same bytes",
     [](settings& s, text v) { s.explore.within.reduce = !parse_flag(v); }},
    {"audit", 0, "", "", checks, for_explore | for_exec,
     "only list the functions that an NMI calls, and which are unsafe; of exec: the program's own handlers, "
     "stepped when a signal comes",
     [](settings& s, text v) { s.audit = parse_flag(v); }},
    {"function", 0, "NAME", "", checks, for_exec,
     "no storm: the program's own handler of --signal at each instruction of that function's first call; "
     "also LIB:NAME, LIB+0xOFFSET",
     set_function},
    {"visit", 0, "N", "all", checks, for_exec,
     "of each instruction only its Nth execution in that call; all: each",
     [](settings& s, text v) { s.exec.visit = v == "all" ? 0 : parse_count(v, 1, 1'000'000'000); }},
    {"fork", 0, "WHICH", "auto", checks, for_exec,
     "with --function, each signal in a child that is forked there, where that gives the same answer; never: "
     "each in a run of its own",
     [](settings& s, text v) { s.exec.forks = parse_choice(v, "a choice", exec::all_forkings); }, words,
     "forkings"},
    {"calls", 0, "WHICH", "first", checks, for_exec,
     "with --function, all signals in its first call, each in a fork or run; each: every one in a call of "
     "its "
     "own, many in one run, for a function that is called often",
     [](settings& s, text v) { s.exec.calls = parse_choice(v, "a choice", exec::all_calls_used); }, words,
     "calls-used"},
    {"allow", 0, "NAME[,NAME]", "", checks, for_exec,
     "functions that a handler may call all the same; 'errno': it may change that; repeatable", set_allow,
     free_text, "", true},
    {"profile", 0, "", "", checks, for_exec,
     "no storm: where the command spends its CPU time; the handler is a sampler, its buffer is swapped while "
     "it runs",
     [](settings& s, text v) { s.exec.profile = parse_flag(v); }},
    {"stacks", 0, "HOW", "cfi", checks, for_exec,
     "callers of a sample: by .eh_frame and a copy of the stack (cfi), by frame pointers alone (fp), or none "
     "(leaf); with --profile",
     [](settings& s, text v) { s.exec.frames = parse_choice(v, "a choice", exec::all_stacks); }, words,
     "stacks"},
    {"single-step", 0, "", "", checks, for_explore,
     "trap flag only: no breakpoint is written into the program",
     [](settings& s, text v) { s.explore.within.how = parse_flag(v) ? explore::method::single_step : explore::method::automatic; }},
    {"system-calls", 0, "", "", checks, for_explore,
     "sweeps: an NMI inside each system call too, pending at its entry and while its thread sleeps",
     [](settings& s, text v) { s.explore.within.system_calls = parse_flag(v); }},
    {"fresh", 0, "", "", checks, for_explore,
     "sweeps: each NMI in a process of its own, so that what its handler does for the first time meets each "
     "boundary",
     [](settings& s, text v) { s.explore.within.fresh = parse_flag(v); }},
    {"replay", 0, "TOKEN", "", checks, for_explore,
     "repeat the finding of that token, which its report has; nothing else is explored",
     [](settings& s, text v) { s.replay = std::string(v); }},
    {"hold", 0, "", "", checks, for_explore,
     "with --replay, hold the run where it shows most, for a debugger",
     [](settings& s, text v) { s.hold = parse_flag(v); }},
    {"fault", 'f', "NAME", "none", checks, for_run | for_explore,
     "leave out one ingredient of the pattern and see a check fail", set_fault, words, "faults"},
    {"keep-going", 'k', "", "", checks, for_run, "do not stop at the first failed check",
     [](settings& s, text v) { s.run.keep_going = parse_flag(v); }},
    {"fail-if", 0, "COND", "", checks, for_run | for_exec | for_merge,
     "exit 4 if COND holds or was not measured: 'latency.p99>200us', 'rate<9.5k'; of exec: 'eintr>0'; "
     "repeatable",
     set_fail_if, free_text, "metrics", true},

    // Output
    {"json", 'j', "", "", output, for_run | for_explore | for_exec | for_merge,
     "report as JSON on standard output", [](settings& s, text v) { s.json = parse_flag(v); }},
    {"output", 'o', "FILE", "", output, for_run | for_explore | for_page | for_exec | for_merge,
     "report as JSON to FILE; the text stays on standard output. With page: the page, or only its pictures "
     "to "
     "FILE.svg",
     [](settings& s, text v) { s.output_file = file_name(v); }, file},
    {"report", 0, "FILE", "", output, for_run | for_exec | for_merge,
     "report as one HTML page with charts to FILE", [](settings& s, text v) { s.report_file = file_name(v); },
     file},
    {"trace", 0, "FILE", "", output, for_run | for_exec,
     "timeline to FILE, for ui.perfetto.dev or speedscope.app; of exec: with --profile",
     [](settings& s, text v) { s.trace_file = file_name(v); }, file},
    {"trace-limit", 0, "N", "100k", output, for_run | for_exec, "newest records that a timeline keeps",
     [](settings& s, text v) { s.trace_limit = parse_count(v, 1000, 10'000'000); }},
    {"folded", 0, "FILE", "", output, for_exec,
     "the stacks of --profile to FILE, one a line, for flame graphs",
     [](settings& s, text v) { s.folded_file = file_name(v); }, file},
    {"svg", 0, "FILE", "", output, for_explore,
     "a full map as a picture to FILE (window do_nmi-map unless one is named)",
     [](settings& s, text v) { s.svg_file = file_name(v); }, file},
    {"all", 0, "", "", output, for_explore, "list every boundary, not only findings",
     [](settings& s, text v) { s.show_all = parse_flag(v); }},
    {"histogram", 0, "", "", output, for_run, "add latency histograms to the text",
     [](settings& s, text v) { s.histogram = parse_flag(v); }},
    {"interval", 0, "TIME", "redrawn on a terminal, else off", output, for_run,
     "a status line on standard error every TIME; 0: none; a bare number is seconds",
     [](settings& s, text v) { s.interval_ns = parse_duration_ns(v, bare_number::seconds); }},
    {"color", 0, "WHEN", "auto", output, for_all, "auto, always, never; NO_COLOR is honoured",
     [](settings& s, text v) { s.color = parse_choice(v, "one of the choices", all_color_whens); }, words,
     "colors"},
    {"quiet", 'q', "", "", output, for_run | for_explore | for_exec,
     "print the verdict only, and what failed",
     [](settings& s, text v) { set_verbosity(s, v, verbosity::quiet); }},
    {"verbose", 'v', "", "", output, for_run, "every vCPU, every latency, the host",
     [](settings& s, text v) { set_verbosity(s, v, verbosity::verbose); }},
    {"names", 0, "", "", output, for_list, "bare names, one a line, for scripts",
     [](settings& s, text v) { s.names_only = parse_flag(v); }},

    // Other
    {"config", 0, "FILE", "", other, for_run,
     "read options first from FILE, one 'name = value' a line; a value with '#' in double quotes",
     [](settings& s, text v) { s.config_file = file_to_read(v); }, file},
    {"print-config", 0, "", "", other, for_run, "print the options in effect in that form, and exit",
     [](settings& s, text v) { s.print_config = parse_flag(v); }},
    {"dry-run", 'n', "", "", other, for_run, "check the options and what the system offers, and exit",
     [](settings& s, text v) { s.dry_run = parse_flag(v); }},
    {"help", 'h', "", "", other, for_all, "print this help, and exit",
     [](settings& s, text v) { s.help = parse_flag(v); }},
    {"version", 'V', "", "", other, for_all, "print the version, and exit",
     [](settings& s, text v) { s.version = parse_flag(v); }},
};

} // namespace rows

std::span<const option_spec> all_options()
{
    return rows::table;
}

const option_spec* find_option(std::string_view name)
{
    return find_named(rows::table, name);
}

} // namespace nmisim::cli
