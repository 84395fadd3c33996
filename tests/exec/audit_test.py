#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The audit: handlers of programs, stepped; which are unsafe, and what is said where that cannot be told."""
from exec_support import CASES, case, expect, options, run, tap

BUILDS = {"dynamic": options.fixture, "static": options.static, "stripped": options.stripped}


def audit(name, *arguments, words=(), program=options.fixture):
    return run("--audit", *words, command=[program, name, *arguments])


def handlers(result):
    return {h["handler"].rsplit("::", 1)[-1]: h for h in result.json["audit"]["handlers"]}


def only(result):
    rows = result.json["audit"]["handlers"]
    expect(len(rows) == 1, rows)
    return rows[0]


def unsafe(handler):
    return [f for f in handler["functions"] if not f["safe"]]


@case
def allocates():
    """a handler that allocates is found, with the chain of calls and the line, in a dynamic, a static and a stripped program"""
    for build, program in BUILDS.items():
        result = audit("handler_mallocs", program=program)
        expect(result.code == 3 and result.verdict == "unsafe", *result.shown())
        row = only(result)
        expect((row["signal"], row["ran"], row["returned"]) == ("USR1", 1, 1), row)
        found = unsafe(row)
        expect({f["function"] for f in found} == {"malloc", "free"}, build, found)
        chains = [f["chain"] for f in found]
        expect(all(len(chain) >= 2 for chain in chains), build, chains)
        if build != "stripped":
            malloc = next(f for f in found if f["function"] == "malloc")
            expect([name.rsplit("::", 1)[-1] for name in malloc["chain"]] == ["mallocs", "log_it", "malloc"], malloc)
            expect(malloc["source"].startswith("handlers.cpp:") and "log_it" in malloc["called_from"], malloc)


@case
def aliases():
    """functions are known by their address: __libc_malloc is malloc, _IO_puts is puts"""
    for program in (options.fixture, options.static):
        result = audit("handler_mallocs_by_own_alias", program=program)
        expect(result.code == 3 and [f["function"] for f in unsafe(only(result))] == ["je_malloc"], *result.shown())
    for build, program in BUILDS.items():
        for name, why in (("handler_mallocs_by_alias", "allocates"), ("handler_puts_by_alias", "stdio")):
            result = audit(name, program=program)
            expect(result.code == 3, build, *result.shown())
            expect([why in f["why"] for f in unsafe(only(result))] == [True], build, result.json["audit"])


@case
def allowed():
    """--allow takes functions and errno off the list, by any of their names"""
    result = audit("handler_mallocs_by_alias", words=["--allow", "malloc"])
    expect(result.code == 0 and result.verdict == "safe", *result.shown())
    result = audit("handler_sets_errno", words=["--allow", "puts,errno"])
    expect(result.code == 0 and only(result)["errno"] == "changed", *result.shown())


@case
def errno():
    """a handler that returns with another errno is found, and one that puts it back is clean"""
    for build, program in BUILDS.items():
        result = audit("handler_sets_errno", program=program)
        row = only(result)
        expect(result.code == 3 and (row["errno"], row["errno_before"], row["errno_after"]) == ("changed", 0, 9), build, row)
        result = audit("handler_keeps_errno", program=program)
        row = only(result)
        expect(result.code == 0 and result.verdict == "safe" and row["errno"] == "kept", build, row)
        expect([c["call"] for c in row["system_calls"]] == ["write"] and row["judged"], build, row)


@case
def nameless():
    """a handler of a static and stripped program is not judged, and no pass; what can be told is told"""
    result = audit("handler_mallocs_by_alias", program=options.static_stripped)
    row = only(result)
    expect(result.code == 1 and result.verdict == "not-judged" and not row["judged"], *result.shown())
    expect(row["stripped"] and row["static"] and row["calls"] > 0 and row["errno"] == "not-known", row)
    text = run("--audit", command=[options.static_stripped, "handler_keeps_errno"], json_report=False)
    expect(text.code == 1 and "NOT JUDGED" in text.text and "system calls: write" in text.text, text.text)


@case
def leaves_by_a_jump():
    """a handler that is left by siglongjmp ends there: what the program does behind it is not the handler's"""
    for build, program in BUILDS.items():
        result = audit("handler_jumps", program=program)
        row = only(result)
        expect(result.code == 0 and (row["ran"], row["jumped"], row["returned"]) == (1, 1, 0), build, row)
        expect(row["steps"] < 8000 and row["errno"] == "not-known", build, row)
        row = only(audit("handler_jumps_in_thread", program=program))
        expect((row["ran"], row["jumped"], row["returned"]) == (1, 1, 0) and row["steps"] < 8000, build, row)


@case
def ends_the_process():
    """a handler that ends the process is judged to its last system call"""
    result = audit("handler_exits")
    row = only(result)
    expect(result.code == 0 and (row["ended"], row["last_call"]) == (1, "exit_group"), row)
    expect({"write", "_exit"} <= {f["function"] for f in row["functions"]}, row)


@case
def interrupted():
    """a handler that another signal interrupts is followed on behind it, and each has its own calls"""
    for build, program in (("dynamic", options.fixture), ("static", options.static)):
        result = audit("handler_nested", program=program)
        rows = handlers(result)
        expect({n: h["ran"] for n, h in rows.items()} == {"interrupted_by_trap": 1, "mallocs": 1}, build, rows)
        expect(result.code == 3 and unsafe(rows["mallocs"]), build, rows)
        outer = rows["interrupted_by_trap"]
        expect(outer["returned"] == 1 and not outer["functions"] and not outer["system_calls"], build, outer)


@case
def stack():
    """the stack that a handler takes is measured, also on an alternate one"""
    result = audit("handler_on_stack")
    row = only(result)
    expect(row["alternate_stack"] and 8000 < row["stack_bytes"] < 65536, row)
    row = only(audit("handler_often"))
    expect(not row["alternate_stack"] and row["stack_bytes"] > 8000 and (row["ran"], row["stepped"]) == (50, 50), row)


@case
def never_ran():
    """a handler that never ran is listed as that: nothing ran is no pass, and beside one that did it is not called clean"""
    result = audit("handler_never")
    expect(result.code == 1 and result.verdict == "none-ran" and "--signal" in result.json["why"], *result.shown())
    expect({h["signal"]: h["ran"] for h in result.json["audit"]["handlers"]} == {"USR1": 0, "TERM": 0}, result.json["audit"])
    result = run("--audit", command=[options.fixture, "handler_one_of_two"], json_report=False)
    expect(result.code == 0 and "Never ran" in result.text and "1 other never ran" in result.text, result.text)
    result = run("--audit", command=["true"])
    expect(result.code == 1 and result.verdict == "none-ran", *result.shown())


@case
def is_sent():
    """a signal that is named and does not come is sent: to a program that makes system calls, and to one that computes"""
    for habit in ("waits", "computes"):
        result = audit("handler_mallocs", habit, words=["--signal", "USR1"])
        expect(result.code == 3 and result.json["audit"]["sent"] > 0 and only(result)["sent"] > 0, habit, *result.shown())
        expect(result.json["audit"]["outcome"]["stdout"]["bytes"] == len("handled\n"), habit, result.json["audit"]["outcome"])
    for habit in ("waits", "computes"):
        result = audit("handler_takes_long", habit, words=["--signal", "USR1"])
        expect(only(result)["ran"] == result.json["audit"]["sent"] > 0, habit, result.json["audit"])
    result = audit("handler_keeps_errno", words=["--signal", "SIGUSR1"])
    expect(result.code == 0 and result.json["audit"]["sent"] == 0 and only(result)["ran"] == 1, *result.shown())


@case
def is_limited():
    """--signal names the handlers that are looked at; one that nobody has installed is no pass"""
    result = audit("handler_one_of_two", words=["--signal", "TERM"])
    expect([h["signal"] for h in result.json["audit"]["handlers"]] == ["TERM"] and result.code == 3, *result.shown())
    result = audit("handler_mallocs", words=["--signal", "RTMIN+3"])
    expect(result.code == 1 and "RTMIN+3" in result.json["why"], *result.shown())


@case
def in_a_child():
    """a child that has its handler from its parent is followed, and so is a program that a shell starts"""
    row = only(audit("handler_in_child"))
    expect(row["ran"] == 1 and unsafe(row), row)
    result = run("--audit", "--signal", "USR1", command=["sh", "-c", f"{options.fixture} handler_mallocs; :"])
    row = only(result)
    expect((row["path"], row["ran"]) == ("0.1", 1) and result.code == 3, row)


@case
def no_such_command():
    """a command that cannot be run is no result"""
    result = run("--audit", command=["/nowhere/at/all"])
    expect(result.code == 1 and result.verdict == "not-comparable" and "cannot run" in result.json["why"], *result.shown())


@case
def usage():
    """--signal and --allow need --audit, and --audit goes alone"""
    for words in (["--signal", "USR1"], ["--allow", "malloc"], ["--audit", "--each-call"], ["--audit", "--signal", "KILL"]):
        expect(run(*words, command=["true"]).code == 2, words)


tap.run(CASES, at_a_time=4)
