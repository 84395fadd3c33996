// SPDX-License-Identifier: MIT
#include "cli/verbs/verb.hpp"

#include "cli/options/suggest.hpp"

namespace nmisim::cli {

namespace {

const verb_info table[] = {
    {"run", for_run, "deliver NMIs while handlers are swapped, and check (the default)", "[OPTION]...",
     "Deliver simulated NMIs (real-time signals) to vCPUs (threads) while a controller swaps their "
     "RCU-protected handler and frees the old one, and check that nothing is used after its grace period, "
     "nothing is lost and nothing runs twice.",
     "  nmi-sim                                     ten seconds with the defaults\n"
     "  nmi-sim --rate 50k --swap-interval 500us    harder\n"
     "  nmi-sim --rate max --swap-interval 0        as hard as it gets\n"
     "  nmi-sim --fault no-grace-period             watch a check catch the bug\n"
     "  nmi-sim --json | jq .nmis.handled\n",
     run_verb},
    {"explore", for_explore,
     "place an NMI at every instruction, and a pause at every instruction of a reader", "[OPTION]...",
     "Explore the read side, the write side and the vCPU life of this program at every instruction boundary: "
     "one "
     "real NMI per run, each boundary once; and maps that pause a reader at each of its instructions while a "
     "whole "
     "swap runs against it. What it finds it finds each time, with address, symbol, source line and "
     "schedule.",
     "  nmi-sim explore --flavor all                every window, every flavor: clean\n"
     "  nmi-sim explore --fault no-read-lock        the instructions at which it breaks\n"
     "  nmi-sim explore --svg map.svg               reader x updater as a picture\n"
     "  nmi-sim explore --flavor bp --window vcpu-exit   an upstream deadlock, found and named\n",
     explore_verb},
    {"exec", for_exec, "run any program under NMIs, and see what they do to it",
     "[OPTION]... -- COMMAND ARG...",
     "Run a command, not recompiled, while real signals hit each of its threads and children as a profiler's "
     "or a timer's "
     "would: a handler that does nothing is put into each program, and interrupts it. Its status and output "
     "are compared with "
     "those of plain runs, and each system call that an NMI interrupted is listed with what became of it and "
     "where the "
     "program made it.",
     "  nmi-sim exec -- tail -n 1 FILE              does it survive a profiler?\n"
     "  nmi-sim exec --restart both -- make check   also a handler without SA_RESTART\n"
     "  nmi-sim exec --each-call --jobs 4 -- COMMAND     each call once, and which one does it\n"
     "  nmi-sim exec --rate 5k --compare status,file=out.db -- COMMAND\n"
     "  nmi-sim exec --audit --signal TERM -- COMMAND   what do its handlers call?\n"
     "  nmi-sim exec --signal USR1 --function work -- COMMAND\n",
     exec_verb},
    {"merge", for_merge, "make one report of several of exec: shards, or journals of runs that were killed",
     "FILE... [OPTION]...",
     "Make one report of the JSON that several runs of exec have written with --output: the shards of a "
     "search that "
     "machines have shared, storms with different seeds, or the journal FILE.journal that a run leaves "
     "behind if it is "
     "killed. The verdict is that of all of them; a shard that is missing makes it incomplete.",
     "  nmi-sim exec --each-call --shard 1/2 -o 1.json -- COMMAND      on one machine\n"
     "  nmi-sim exec --each-call --shard 2/2 -o 2.json -- COMMAND      on another\n"
     "  nmi-sim merge 1.json 2.json\n",
     merge_verb},
    {"selftest", for_selftest, "send an NMI in every possible way, with every flavor and delivery",
     "[OPTION]...",
     "Send NMIs from vCPU to vCPU (remote IPI), from a vCPU to itself (local IPI), from outside and to a "
     "vCPU "
     "that has been offline, with each flavor and delivery once, as the kernel's NMI selftest does at boot: "
     "a "
     "line each, and a verdict.",
     "  nmi-sim selftest\n", selftest_verb},
    {"page", for_page, "draw the maps of an exploration, a sweep of nmi-stress or benchmarks as one page",
     "FILE... [OPTION]...",
     "Draw what is in JSON files as one HTML page that needs nothing else: the maps of explorations "
     "('nmi-sim explore --output FILE'; sweeps and audits have no picture), and the pages that nmi-stress "
     "and the benchmarks describe. - is standard input. The page of a run is 'nmi-sim --report FILE'.",
     "  nmi-sim explore --window do_nmi-map --map -o map.json && nmi-sim page map.json -o map.html\n"
     "  nmi-sim page map.json -o map.svg            only its pictures\n",
     page_verb},
    {"list", for_list, "name the flavors, faults, checks and all other choices", "[TOPIC]... [OPTION]...",
     "Print what options can be set to: all topics, or those named.",
     "  nmi-sim list faults\n"
     "  nmi-sim list --names flavors                one a line, for scripts\n",
     list_verb},
};

/// Without options of their own: --help names them in one place, and completions do not offer them.
const verb_info helpers[] = {
    {"help", for_none, "the help of a verb; without one, this text", "[VERB]", "", "", help_verb},
    {"completions", for_none, "completions for a shell, on standard output", "bash|zsh|fish", "", "",
     completions_verb},
    {"manual", for_none, "the manual page's sections, for the build", "", "", "", manual_verb},
};

} // namespace

std::span<const verb_info> all_verbs()
{
    return table;
}

std::span<const verb_info> helper_verbs()
{
    return helpers;
}

const verb_info* find_verb(std::string_view name)
{
    const verb_info* const listed = find_named(table, name);
    return listed != nullptr ? listed : find_named(helpers, name);
}

const verb_info& default_verb()
{
    return table[0];
}

} // namespace nmisim::cli
