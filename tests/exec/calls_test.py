#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An NMI in each system call: each fault at its call, and nothing else."""
from exec_support import CASES, case, expect, fixture, options, run, tap


def found(result):
    return {p["at"]: p for p in result.json["placements"] if any(d["counts"] for d in p["differences"])}


@case
def each_read():
    """each read that is believed to be whole is found at its own call, five times of five, with place and command"""
    for static in (False, True):
        result = fixture("copy_blocks", "3", words=["--each-call"], static=static)
        expect(result.code == 3 and result.verdict == "differs", *result.shown())
        finds = found(result)
        expect(len(finds) == 3, finds)
        for p in finds.values():
            expect(p["call"] == "read" and "4096 of 4194304" in p["what"] and "read_block" in p["site"], p)
            expect([(d["seen"], d["runs"]) for d in p["differences"]] == [(5, 5)], p)
        expect(all(p["delivered"] for p in result.json["placements"]), result.json["placements"])


@case
def one_address():
    """--at takes the address of a find, in a child that was executed as well, and tries that call alone"""
    command = ["sh", "-c", f"{options.fixture} copy_blocks 2; :"]
    finds = found(run("--baseline", "1", "--each-call", command=command))
    expect(len(finds) == 2 and all(at.startswith("0.1:") for at in finds), finds)
    for at in finds:
        result = run("--baseline", "1", "--at", at, command=command)
        expect(result.code == 3 and [p["at"] for p in result.json["placements"]] == [at], *result.shown())
        expect(found(result).keys() == {at}, result.json["placements"])


@case
def no_such_address():
    """an address that no call has is no pass"""
    result = run("--baseline", "1", "--at", "0:99999", command=[options.fixture, "copy_blocks", "1"])
    expect(result.code == 1 and "--at" in result.json["why"], *result.shown())


@case
def interrupted_wait():
    """a wait that is taken for a failed child is found with SA_RESTART off, and not with it on"""
    result = fixture("waits_briefly", words=["--each-call", "--restart", "off"])
    finds = found(result)
    expect(result.code == 3 and [p["call"] for p in finds.values()] == ["wait4"], finds)
    expect(all(p["what"] == "EINTR" for p in finds.values()), finds)
    result = fixture("waits_briefly", words=["--each-call"])
    expect(result.code == 0 and not found(result), *result.shown())
    restarted = [p for p in result.json["placements"] if p["call"] == "wait4"]
    expect(restarted and all(p["what"] == "restarted" for p in restarted), restarted)
    # The wait that is restarted is not sent another NMI, however long it lasts.
    expect(result.json["storms"][0]["nmis"]["delivered"] <= result.json["calls"], *result.shown())


@case
def ends():
    """a call that is restarted is not interrupted again: forks and waits end, with an NMI in each call at once too"""
    for restart in ("on", "off"):
        result = fixture("forks", "3", words=["--each-call", "--restart", restart, "--timeout", "20s"])
        expect(result.code == 0 and result.verdict == "same", *result.shown())
        expect(result.json["storms"][0]["outcome"]["hang"] is False, *result.shown())


@case
def restarted_calls_keep_their_number():
    """a call that is restarted has one number, however often a timer of the program interrupts it"""
    numbers = []
    for ticks in ("0", "1"):
        result = fixture("under_timer", ticks, words=["--each-call", "--timeout", "20s"])
        expect(result.code == 0, *result.shown())
        numbers.append([p["call"] for p in result.json["placements"] if p["at"].startswith("0:")])
    expect(numbers[0] == numbers[1] and numbers[0].count("read") > 0, numbers)


@case
def from_the_first_call():
    """a child is followed from its first call on, whichever of its parent's and its own stop comes first"""
    # The newest of the traced is looked at first, and that is the child where its parent is traced, not ours.
    command = ["sh", "-c", f"{options.fixture} children_read 100; :"]
    result = run("--baseline", "1", "--each-call", "--limit", "1", command=command)
    expect(result.code == 0, *result.shown())
    # One in each child's read, and one in each of the parent's waits.
    expect(result.json["storms"][0]["nmis"]["delivered"] >= 200, *result.shown())


@case
def limit():
    """--limit ends the search, and what was tried is reported"""
    result = fixture("copy_blocks", "3", words=["--each-call", "--limit", "4"])
    expect(len(result.json["placements"]) == 4, len(result.json["placements"]))


tap.run(CASES, at_a_time=4)
