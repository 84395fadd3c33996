#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A signal at each instruction in children that are forked there: they find what runs of their own find, or are not forked."""
import os
import subprocess
import tempfile

from exec_support import CASES, TIMEOUT, Result, case, expect, expect_clean, fixture, options, run, tap

# What a fork there would not carry over, or would share, and how the report says it.
NOT_FORKED = {
    "with_thread": "2 threads",
    "with_former_child": "has had children",
    "with_interval": "timer",
    "with_timer": "timer",
    "with_shared_memory": "shares memory",
    "with_memory_kept_back": "a fork does not copy",
    "with_wiped_memory": "a fork does not copy",
    "with_locked_memory": "locked memory",
    "with_written_file": "/nmi-sim-exec-",
    "with_file_of_proc": "would share /proc/",
    "with_message_queue": "would share /nmi-sim-",
    "with_own_numbers": "a process of its own",
    "with_pipe": "would share pipe:",
    "with_lock": "locks of files",
    "with_pending_signal": "a signal is pending",
    "with_stub_unmapped": "no system call can be made",
    "with_stub_protected": "no system call can be made",
    "with_later_child": "has children",
    "with_later_program": "executes a program",
}

NO_RIGHT = 96  # the fixture's status where it may not, or the kernel has none


def sweep(name, *arguments, words=(), program=options.fixture, function="torn_work"):
    return run("--baseline", "1", "--signal", "USR1", "--function", function, *words, command=[program, name, *arguments])


def found(result):
    return [r["at"] for r in result.json["function"]["runs"] if any(d["counts"] for d in r["differences"])]


def forked(result):
    """How many were, and of how many."""
    runs = result.json["function"]["runs"]
    return sum(r["forked"] for r in runs), len(runs)


def expect_forked(result):
    """All but the finding, which is repeated by runs of its own."""
    count, all_runs = forked(result)
    expect(len(found(result)) == 1 and count == all_runs - 1 > 5, count, all_runs, result.json["function"]["why_not_forked"], *result.shown())
    expect(result.json["function"]["why_not_forked"] == "" and result.json["function"]["refuted"] == 0, result.json["function"])
    finding = next(r for r in result.json["function"]["runs"] if r["at"] == found(result)[0])
    expect([(d["seen"], d["runs"]) for d in finding["differences"]] == [(5, 5)], finding)


@case
def found_by_forks():
    """forks find the torn pair where runs of their own find it, and say the same of each other instruction"""
    for program in (options.fixture, options.static):
        quick, slow = (sweep("torn_pair", words=words, program=program) for words in ((), ("--fork", "never")))
        expect_forked(quick)
        expect(forked(slow)[0] == 0 and slow.json["function"]["why_not_forked"] == "--fork never", forked(slow))
        rows = [[(r["at"], r["state"], r["source"]) for r in result.json["function"]["runs"]] for result in (quick, slow)]
        expect(rows[0] == rows[1] and found(quick) == found(slow), rows)


@case
def not_forked():
    """where a fork would lack something, or share it, each place has a run of its own, and the report says why"""
    for name, why in NOT_FORKED.items():
        result = sweep(name, words=["--visit", "2"])
        if result.json["baseline"]["runs"][0]["exit_status"] == NO_RIGHT:
            continue
        expect(forked(result)[0] == 0 and why in result.json["function"]["why_not_forked"], name, result.json["function"]["why_not_forked"])
        expect(len(found(result)) == 1, name, *result.shown())


@case
def of_a_shell():
    """who is not the command itself is not forked: its parent waits for it, not for its forks"""
    result = run("--baseline", "1", "--signal", "USR1", "--function", "torn_work", "--visit", "2",
                 command=["sh", "-c", f"{options.fixture} torn_pair; :"])
    expect(forked(result)[0] == 0 and "its parent waits" in result.json["function"]["why_not_forked"], result.json["function"])
    expect(len(found(result)) == 1, *result.shown())


@case
def changed_by_a_fork():
    """where one fork leaves something changed for the next, that shows without a signal, and nothing is believed"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        result = sweep("with_trace", os.path.join(folder, "trace"), words=["--visit", "2"])
    expect(forked(result)[0] == 0 and "another stdout" in result.json["function"]["why_not_forked"], result.json["function"])
    expect(len(found(result)) == 1, *result.shown())


@case
def changed_on_the_way():
    """where the function itself makes a fork impossible, only what comes behind has runs of its own"""
    result = sweep("with_call_inside", function="torn_opens")
    count, all_runs = forked(result)
    expect(len(found(result)) == 1 and 5 < count < all_runs - 1, count, all_runs)
    expect("would share pipe:" in result.json["function"]["why_not_forked"], result.json["function"])


@case
def one_child_is_refused():
    """a fork whose handler has a child has a run of its own; the others stand"""
    result = sweep("with_child_of_handler")
    count, all_runs = forked(result)
    expect(len(found(result)) == 1 and count == all_runs - 1 > 5, count, all_runs, *result.shown())
    expect("has children" in result.json["function"]["why_not_forked"], result.json["function"])


@case
def inherited():
    """a descriptor that nmi-sim was started with is shared by all runs, and so by forks"""
    ends = os.pipe()
    try:
        done = subprocess.run([options.program, "exec", "--quiet", "--json", "--baseline", "1", "--signal", "USR1", "--function", "torn_work",
                               "--", options.fixture, "torn_pair"], pass_fds=ends, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    finally:
        for end in ends:
            os.close(end)
    expect_forked(Result(done))


@case
def files_are_put_back():
    """a file that is only read is read by each fork from where the program stood"""
    expect_forked(sweep("reads_on"))


@case
def stands_for_the_command():
    """a fork is alone in its session, has the command's parent and handlers, and its C library knows its number"""
    for program in (options.fixture, options.static):
        expect_forked(sweep("knows_itself", program=program))


@case
def sent_alike():
    """a fork's signal comes from where that of a run comes from"""
    expect_forked(sweep("asks_for_sender"))


@case
def ends_meanwhile():
    """a fork that ends while the program is stepped to the next place counts as any other"""
    expect_forked(sweep("with_long_callee", function="torn_rests"))


@case
def below_the_stack():
    """what a function keeps below its stack pointer stays, with a signal at each instruction and in a storm"""
    for words, least in (((), 50), (("--visit", "24"), 5)):  # at its entry nothing is there yet; the last round of its loops
        result = sweep("keeps_below_stack", "3", words=words, function="leaf_keeps")
        count, all_runs = forked(result)
        expect(result.code == 0 and count == all_runs > least, count, all_runs, result.json["function"]["why_not_forked"], *result.shown())
    expect_clean(fixture("keeps_below_stack", words=["--rate", "5k"]))


@case
def says_so():
    """the text says how many were forked, and why not the others"""
    for words, said in (((), " in children forked there\n"), (("--fork", "never"), " in runs of their own: --fork never\n")):
        done = run("--baseline", "1", "--signal", "USR1", "--function", "torn_work", *words, command=[options.fixture, "torn_pair"], json_report=False)
        expect(done.code == 3 and said in done.text, done.text)


@case
def prints():
    """what was in the program's buffers and pipes is part of each fork's output, once"""
    expect_forked(sweep("prints_much"))


tap.run(CASES, at_a_time=4)
