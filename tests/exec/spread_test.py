#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--calls each: many signals in one run, each in a call of the function that is its own."""
import pathlib
import tempfile

from exec_support import CASES, case, expect, options, run, tap

USR1 = ["--baseline", "1", "--signal", "USR1"]


def sweep(calls, rounds, how, *words, program=options.fixture, function="torn_work"):
    result = run(*USR1, "--function", function, "--calls", "each", *words, command=[program, "torn_often", str(calls), str(rounds), how])
    return result, result.json["function"]


def findings(function):
    return [r for r in function["runs"] if any(d["counts"] for d in r["differences"])]


def expect_in_calls(function, least):
    """Each delivered in a call of its own, all but the findings' in few runs."""
    rows = function["runs"]
    expect(len(rows) == function["boundaries"] and all(r["state"] == "delivered" for r in rows), [(r["at"], r["state"]) for r in rows])
    count = sum(r["call"] != 0 for r in rows)
    expect(count >= least, count, least, len(rows), function["spread_runs"], function["why_not_spread"])


@case
def unseen():
    """a function that is called often has a signal at each instruction in one run, dynamic and static"""
    for program in (options.fixture, options.static):
        result, function = sweep(200, 2, "straight", program=program, function="straight_work")
        expect(result.code == 0 and result.verdict == "same", *result.shown())
        expect_in_calls(function, function["boundaries"])
        expect([r["call"] for r in function["runs"]] == list(range(1, function["boundaries"] + 1)), function["runs"])
        expect(function["boundaries"] > 128 and function["spread_runs"] == 1, function["boundaries"], function["spread_runs"])
        expect(function["why_not_spread"] == "" == function["why_not_forked"], function)


@case
def late_visits():
    """late visits of a loop, which would take many stops, have forks"""
    result, function = sweep(200, 20, "unseen")
    expect(result.code == 0 and "late visits" in function["why_not_spread"], *result.shown())
    expect_in_calls(function, 80)
    for r in function["runs"]:
        expect((r["call"] == 0) == (int(r["at"].rsplit("#", 1)[1]) > 16) == r["forked"], r)


@case
def found():
    """a pair that is torn in a call is found there and repeated alone; --at repeats it by its number of execution"""
    for program in (options.fixture, options.static):
        result, function = sweep(60, 2, "seen", program=program)
        expect(result.code == 3 and result.verdict == "differs", *result.shown())
        expect_in_calls(function, function["boundaries"] - 1)
        both = findings(function)
        # In the first call only the second round tears it; in a later one the first does, too.
        expect([r["at"].rsplit("#", 1)[1] for r in both] == ["1", "2"] and len({r["at"].split("#")[0] for r in both}) == 1, both)
        for r in both:
            expect([(d["aspect"], d["seen"], d["runs"]) for d in r["differences"]] == [("stdout", 5, 5)], r)
            expect(f"torn in call {r['call']}'" in r["differences"][0]["with"], r)
            place, visit = r["at"].split("#")
            expect(r["execution"] == 2 * (r["call"] - 1) + int(visit), r)
            again = run(*USR1, "--at", f"{place}#{r['execution']}", command=[program, "torn_often", "60", "2", "seen"])
            one = again.json["function"]["runs"]
            expect(again.code == 3 and len(one) == 1 and one[0]["state"] == "delivered", again.shown())
            expect(one[0]["differences"][0]["with"] == r["differences"][0]["with"], one, r)
    text = run(*USR1, "--function", "torn_work", "--calls", "each", command=[options.fixture, "torn_often", "60", "2", "seen"], json_report=False).text
    for r in findings(function):
        expect(f"  in call {r['call']}\n" in text, text)
    expect(" in calls of their own, " in text and "--calls each --function torn_work -- " in text, text)


@case
def other_paths():
    """a place that its call does not come to gets its signal in another one; what is said of a call is so"""
    result, function = sweep(100, 6, "varies")
    expect(result.code == 3, *result.shown())
    expect_in_calls(function, 8)
    expect(len(findings(function)) >= 5, findings(function))
    for r in findings(function):
        if r["call"] != 0:
            expect(f"torn in call {r['call']}'" in r["differences"][0]["with"], r)
            expect(r["call"] % 2 == 1 or r["at"].endswith("#1"), r)


@case
def not_reached_at_last():
    """a place that its call does not come to is not taken for one in a later call"""
    result, function = sweep(60, 6, "varies", "--limit", "12")
    late = [r for r in function["runs"] if r["at"].endswith("#2")]
    elsewhere = [r for r in late if r["call"] == 0]  # how many depends on the compiler
    expect(len(function["runs"]) == 12 and elsewhere, late)
    for r in elsewhere:
        expect(r["forked"] != any(d["counts"] for d in r["differences"]), r)
    for r in findings(function):
        expect(r["call"] == 0 or f"torn in call {r['call']}'" in r["differences"][0]["with"], r)


@case
def nested():
    """what a call calls of the same function is part of it, also where both return to one place"""
    result, function = sweep(100, 2, "nested", function="nested_work")
    expect(result.code == 0, *result.shown())
    expect_in_calls(function, function["boundaries"])
    expect(function["spread_runs"] == 1 and {r["at"].rsplit("#", 1)[1] for r in function["runs"]} == {"1", "2", "3"}, function["spread_runs"])


@case
def no_handler_in_some():
    """a call in which the program has no handler gets no signal: it would kill"""
    result, function = sweep(100, 6, "gone")
    expect(result.code == 0 and not findings(function), *result.shown())
    expect_in_calls(function, 16)
    expect(not any(5 < r["call"] < 20 for r in function["runs"]), [r["call"] for r in function["runs"]])


@case
def blocked_in_some():
    """a signal that a call has blocked is not sent: it would come where nobody says"""
    result, function = sweep(100, 2, "blocked")
    expect(function["only_together"] == 0 and function["spread_runs"] == 1, function)
    expect("too few" in function["why_not_spread"], function)


@case
def not_in_calls():
    """where there are few calls, threads or children, each signal has a fork or a run in the first call, and the report says why"""
    for calls, how, why in ((3, "seen", "too few calls"), (60, "thread", "it has threads"), (60, "child", "it has children")):
        result, function = sweep(calls, 2, how)
        expect(why in function["why_not_spread"] and all(r["call"] == 0 for r in function["runs"]), function)
        expect([r["at"].rsplit("#", 1)[1] for r in findings(function)] == (["2"] if how == "seen" else []), *result.shown())
        expect(len(function["runs"]) == function["boundaries"] and all(r["state"] == "delivered" for r in function["runs"]), function)


@case
def only_together():
    """what differs by two signals and by none alone is no finding, and said; with many causes the others have forks"""
    result, function = sweep(100, 8, "twice")
    expect(result.code == 0 and function["only_together"] == 4 and function["why_not_spread"] == "many of them differ", function, *result.shown())
    expect(len(function["runs"]) == function["boundaries"] and all(r["state"] == "delivered" for r in function["runs"]), function["runs"])
    expect(sum(r["call"] != 0 for r in function["runs"]) == 4, [r["call"] for r in function["runs"]])


@case
def differs_by_itself():
    """a command that differs from itself since the signals' run is not searched for their part in it"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        count = f"{folder}/runs"
        pathlib.Path(count).touch()
        script = f"n=0; while read -r _; do n=$((n + 1)); done < '{count}'; echo >> '{count}'; [ $n -lt 3 ] || echo late; exec \"$@\""
        result = run(*USR1, "--function", "straight_work", "--calls", "each",
                     command=["sh", "-c", script, "sh", options.fixture, "torn_often", "200", "2", "straight"])
        function = result.json["function"]
        expect(result.json["baseline"]["unstable"] == ["stdout"] and len(pathlib.Path(count).read_text()) == 5, *result.shown())
        expect(result.code == 0 and function["spread_runs"] == 1 and function["only_together"] == 0, function)


@case
def time_limit():
    """what stops cost is no time of the command's: it may take longer with them than --timeout, which it keeps without"""
    result, function = sweep(200, 16, "unseen")
    for _ in range(20):
        expect(function["spread_runs"] == 1, function["why_not_spread"], *result.shown())
        limit_ms = function["elapsed_ns"] // 3_000_000
        result, limited = sweep(200, 16, "unseen", "--timeout", f"{limit_ms}ms")
        if limited and limited["runs"] and limited["boundaries"] == function["boundaries"]:  # else the command alone has come too late
            expect(result.code == 0 and limited["spread_runs"] == 1, limit_ms, limited["why_not_spread"], *result.shown())
            if limited["elapsed_ns"] > limit_ms * 1e6:
                return
            function = limited  # the machine is quicker now
    raise tap.Skipped("the machine's speed changes all the time")


@case
def usage():
    """--calls goes with --function"""
    for words in (["--calls", "each"], ["--calls", "some", "--signal", "USR1", "--function", "f"]):
        expect(run(*words, command=["true"]).code == 2, words)


tap.run(CASES, at_a_time=4)
