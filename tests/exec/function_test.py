#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program's own handler at every instruction of a function: the torn pair at its instruction and visit, and nothing else."""
import re
import shutil
import subprocess

from exec_support import CASES, case, expect, options, run, tap

USR1 = ["--baseline", "1", "--signal", "USR1"]


def sweep(name, *words, program=options.fixture, function="torn_work"):
    return run(*USR1, "--function", function, *words, command=[program, name])


def runs(result):
    return result.json["function"]["runs"]


def found(result):
    return [r["at"] for r in runs(result) if any(d["counts"] for d in r["differences"])]


def disassembly(program):
    """Start of torn_work, and the offset there of the instruction that writes the pair's second word."""
    if shutil.which("objdump") is None:
        raise tap.Skipped("objdump is not there")
    text = subprocess.run(["objdump", "-d", "--disassemble=torn_work", program], capture_output=True, text=True, check=True).stdout
    start = int(re.search(r"^([0-9a-f]+) <torn_work>:", text, re.M).group(1), 16)
    second = re.findall(r"^ *([0-9a-f]+):.*mov.*<torn_pair\+0x4>", text, re.M)
    expect(len(second) == 1, text)
    return start, int(second[0], 16) - start


@case
def torn_pair():
    """a pair that is torn in the second round is found at visit 2 of exactly the instruction that objdump shows"""
    for program in (options.fixture, options.static):
        _, offset = disassembly(program)
        result = sweep("torn_pair", program=program)
        expect(result.code == 3 and result.verdict == "differs", *result.shown())
        expect(found(result) == [f"torn_work+0x{offset:x}#2"], offset, found(result))
        one = next(r for r in runs(result) if r["at"] == found(result)[0])
        expect(one["source"].startswith("handlers.cpp:") and one["state"] == "delivered", one)
        expect([(d["aspect"], d["seen"], d["runs"]) for d in one["differences"]] == [("stdout", 5, 5)], one)
        expect(all(r["state"] == "delivered" for r in runs(result)), runs(result))


@case
def without_names():
    """a stripped program's function is named by its file and offset there"""
    start, offset = disassembly(options.fixture)
    function = f"exec-fixture-stripped+0x{start:x}"
    result = sweep("torn_pair", program=options.stripped, function=function)
    expect(found(result) == [f"{function}+0x{offset:x}#2"], found(result), *result.shown())


@case
def own_breakpoint():
    """a breakpoint of the program's own is met by the program, also where a signal was put in front of it"""
    result = run(*USR1, "--function", "trapping_work", "--fork", "never", "--timeout", "10s", command=[options.fixture, "torn_often", "2", "1", "traps"])
    expect(result.code == 0 and len(runs(result)) >= 4 and all(r["state"] == "delivered" for r in runs(result)), runs(result), *result.shown())


@case
def child_calls_later():
    """a child that is older than the function's call makes that call when its parent has been there, or has ended: no finding"""
    for how, said in (("waits", "called"), ("left", "whole")):
        result = run(*USR1, "--function", "straight_work", "--fork", "never", "--limit", "2", "--wait", "all",
                     command=[options.fixture, "torn_often", "1", "1", how])
        expect(result.code == 0 and result.json["baseline"]["runs"][0]["stdout"]["first_line"] == said, how, *result.shown())
        expect([r["state"] for r in runs(result)] == ["delivered"] * 2, runs(result))


@case
def one_visit():
    """--visit takes one visit of each instruction, --at one place, and each says what it has tried"""
    _, offset = disassembly(options.fixture)
    result = sweep("torn_pair", "--visit", "1")
    expect(result.code == 0 and runs(result) and all(r["at"].endswith("#1") for r in runs(result)), *result.shown())
    result = sweep("torn_pair", "--visit", "2", function="exec-fixture:torn_work")
    expect(found(result) == [f"exec-fixture:torn_work+0x{offset:x}#2"], found(result))
    at = f"torn_work+0x{offset:x}#2"
    result = run(*USR1, "--at", at, command=[options.fixture, "torn_pair"])
    expect(result.code == 3 and [r["at"] for r in runs(result)] == [at], *result.shown())
    result = run(*USR1, "--at", "torn_work+0x0#99", command=[options.fixture, "torn_pair"])
    expect(result.code == 1 and "--visit" in result.json["why"], *result.shown())


@case
def unseen():
    """a handler that does not look at the pair finds nothing, at every instruction"""
    result = sweep("torn_pair_unseen")
    expect(result.code == 0 and result.verdict == "same" and not found(result), *result.shown())
    expect(len(runs(result)) == result.json["function"]["boundaries"] > result.json["function"]["instructions"], *result.shown())


@case
def no_handler_yet():
    """before the program has a handler the signal would kill it: that is told, and is no finding"""
    result = sweep("no_handler_yet")
    expect(result.code == 1 and "no handler yet" in result.json["why"] and not runs(result), *result.shown())
    expect(result.json["function"]["without_handler"] == result.json["function"]["boundaries"] > 0, result.json["function"])


@case
def blocked():
    """a signal that is blocked to the end is no pass: 77"""
    result = sweep("torn_pair_blocked")
    expect(result.code == 77 and result.verdict == "all-blocked", *result.shown())
    expect({r["state"] for r in runs(result)} == {"blocked"}, runs(result))


@case
def child():
    """a child that was forked before runs over the breakpoints that it has from its parent"""
    result = sweep("torn_pair_child")
    expect(result.code == 0 and not found(result), *result.shown())
    expect(all(r["state"] == "delivered" for r in runs(result)) and result.json["function"]["path"] == "0", runs(result))


@case
def second_program():
    """of several programs that have the function the first that calls it is taken"""
    script = f"{options.fixture} handler_keeps_errno; {options.fixture} torn_pair"
    result = run(*USR1, "--function", "torn_work", "--visit", "2", command=["sh", "-c", script])
    expect(result.code == 3 and len(found(result)) == 1, *result.shown())
    expect(result.json["function"]["path"] == "0.2" and all(r["state"] == "delivered" for r in runs(result)), runs(result))


@case
def not_there():
    """a function that no program has, and one that is never called, are no pass"""
    result = sweep("torn_pair", function="no_such_function_at_all")
    expect(result.code == 1 and "no program" in result.json["why"], *result.shown())
    result = sweep("handler_keeps_errno")
    expect(result.code == 1 and "never calls" in result.json["why"], *result.shown())


@case
def usage():
    """--function needs --signal, and goes alone"""
    for words in (["--function", "f"], ["--visit", "2"], ["--function", "f", "--signal", "USR1", "--audit"],
                  ["--signal", "USR1", "--at", "f+0x1#1", "--at", "0:1"], ["--signal", "USR1", "--at", "f+0x1#0"]):
        expect(run(*words, command=["true"]).code == 2, words)


tap.run(CASES, at_a_time=4)
