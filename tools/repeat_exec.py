#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs nmi-sim exec on every fixture N times, and says of each how often it was found, or left in peace, as it must be.

    repeat_exec.py N BUILD [--jobs J] [--only WORD]... [--suite TEST]...

BUILD has nmi-sim and the fixtures of tests/exec built. J runs go on at a time. `--only` takes the fixtures with this word in
their line. `--suite storm` runs the cases of that test N times instead; `--suite all` those of every one. Exit code: 1 if
anything ever came out otherwise.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "exec"
SUITES = ("storm", "control", "calls", "audit", "function", "forks", "options", "classifier", "kills", "profile", "spread")
BUILDS = {"dynamic": "", "static": "-static", "stripped": "-stripped", "static-stripped": "-static-stripped"}
TIMEOUT_S = 300

Row = collections.namedtuple("Row", "fixture wanted words builds blocked", defaults=((), ("dynamic",), False))
BOTH, ALL = ("dynamic", "static"), tuple(BUILDS)
CALLS, USR1 = ("--each-call",), ("--signal", "USR1")
# `wanted`: clean; 77, which is no pass; or what is found: an aspect, a call, the visit of an instruction, an unsafe function.
ROWS = (
    Row("short_copy", "found stdout", (), BOTH), Row("whole_copy", "clean", (), BOTH), Row("poll_exits", "found status", (), BOTH),
    Row("naive_timeout", "found stdout"), Row("early_sleep", "found stdout", (), ALL), Row("dies", "found status"),
    Row("hangs", "found status", ("--timeout", "2s")), Row("wait_fails", "found stdout", ("--restart", "off")), Row("wait_fails", "clean"),
    Row("sleeps_on", "clean", ("--restart", "both"), ALL), Row("sleeps_on", "77", (), ("dynamic",), True),
    Row("spawner", "clean", ("--rate", "2k"), BOTH), Row("sigwaiter", "no difference", (), BOTH), Row("signalfd_reader", "no difference", (), BOTH),
    Row("same_signal", "clean", (), BOTH), Row("reads_handlers", "clean"), Row("small_stack", "clean", (), BOTH), Row("epoll_waits", "clean", (), BOTH),
    Row("forks", "clean", ("--rate", "5k"), BOTH), Row("threads", "clean", (), BOTH), Row("path_search", "clean"), Row("exec_by_thread", "clean"),
    Row("stops", "clean"), Row("term_at_exec", "clean"), Row("stop_at_exec", "clean"), Row("clears_handlers", "clean"), Row("fork_in_vfork", "clean"),
    Row("not_dumpable", "clean"), Row("daemon_left_behind", "clean", ("--timeout", "30s")), Row("tracer", "77"),
    Row("copy_blocks 1", "found call read", CALLS, BOTH), Row("waits_briefly", "found call wait4", (*CALLS, "--restart", "off")),
    Row("waits_briefly", "clean", CALLS), Row("forks 3", "clean", (*CALLS, "--timeout", "20s")),
    Row("forks 3", "clean", ("--each-call=all", "--limit", "1", "--timeout", "20s")),
    Row("torn_pair", "found visit 2", (*USR1, "--function", "torn_work"), BOTH),
    Row("torn_pair", "found visit 2", (*USR1, "--function", "torn_work", "--visit", "2", "--fork", "never"), BOTH),
    Row("torn_pair_unseen", "clean", (*USR1, "--function", "torn_work"), BOTH),
    Row("torn_pair_blocked", "77", (*USR1, "--function", "torn_work", "--visit", "2")),
    Row("handler_mallocs", "unsafe malloc", ("--audit",), ("dynamic", "static", "stripped")),
    Row("handler_mallocs_by_alias", "unsafe", ("--audit",), ("dynamic", "static", "stripped")),
    Row("handler_puts_by_alias", "unsafe", ("--audit",), ("dynamic", "static", "stripped")),
    Row("handler_sets_errno", "unsafe", ("--audit", "--allow", "puts"), BOTH), Row("handler_keeps_errno", "clean", ("--audit",), BOTH),
    Row("handler_jumps", "clean", ("--audit",), BOTH), Row("handler_exits", "clean", ("--audit",)),
)
# What one command cannot show: a case of a test, by its function's name.
CASES = (("function", "torn_pair"), ("control", "stopped"), ("control", "killed"), ("options", "journal"), ("classifier", "restart"), ("kills", "random"))


def counted(differences):
    return {d["aspect"] for d in differences if d["counts"]}


def came_to(row, code, report):
    """What a run came to, in the words of `wanted` where it is that."""
    wanted, verdict = row.wanted, report["verdict"]
    kind, *what = wanted.split()
    if kind == "77":
        held = code == 77
    elif wanted == "no difference":  # whether a look still finds who waits blocked is a matter of time
        held = code in (0, 77) and not report["differences"]
    elif kind == "clean":
        held = code == 0 and verdict in ("same", "safe")
    elif kind == "unsafe":
        bad = {f["function"] for a in report["audit"]["handlers"] for f in a["functions"] if not f["safe"]} if what else set()
        held = code == 3 and verdict == "unsafe" and bad >= set(what)
    elif what[0] == "call":
        found = {p["call"] for p in report["placements"] if counted(p["differences"])}
        held = code == 3 and found == {what[1]}
    elif what[0] == "visit":
        found = [r["at"] for r in report["function"]["runs"] if counted(r["differences"])]
        held = code == 3 and len(found) == 1 and found[0].endswith(f"#{what[1]}")
    else:
        held = code == 3 and what[0] in counted(report["differences"])
    return wanted if held else f"{verdict}, exit code {code}: {report.get('why') or ''}"


def block_all():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def run_row(row, build, folder):
    program = folder / "tests" / "exec" / f"exec-fixture{BUILDS[build]}"
    words = [folder / "src" / "cli" / "nmi-sim", "exec", "--quiet", "--json", "--baseline", "1", *row.words, "--", program, *row.fixture.split()]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
                          preexec_fn=block_all if row.blocked else None)
    return came_to(row, done.returncode, json.loads(done.stdout)) if done.stdout.startswith("{") else f"exit code {done.returncode}: {done.stderr}"


def arguments(build):
    words = ["--program", build / "src" / "cli" / "nmi-sim", "--schema", ROOT / "docs" / "nmi-sim-exec-1.schema.json"]
    fixtures = {"fixture": "exec-fixture", **{name: f"exec-fixture-{name}" for name in BUILDS if name != "dynamic"},
                **{name: f"exec-{name}" for name in ("profiled", "profiled-static", "profiled-leaf")}}
    for name, file in fixtures.items():
        words += [f"--{name}", build / "tests" / "exec" / file]
    return [str(word) for word in words]


def run_test(test, build, only=""):
    """{case: "held", "failed" or "skipped"}; why a case failed goes to standard error."""
    done = subprocess.run([sys.executable, TESTS / f"{test}_test.py", *arguments(build), "--only", only], capture_output=True, text=True, check=False)
    rows = {}
    for verdict, name in re.findall(r"^(ok|not ok) \d+ - (.*)$", done.stdout, re.M):
        rows[f"{test}: {name}"] = "skipped" if " # SKIP" in name else "held" if verdict == "ok" else "failed"
    if done.returncode not in (0, 1) or not rows:
        rows[f"{test}: exit code {done.returncode}"] = "failed"
    if "failed" in rows.values():
        failed = "\n".join(name for name, how in rows.items() if how == "failed")
        print(f"{failed}\n{done.stderr}", file=sys.stderr, end="", flush=True)
    return rows


def lines(options):
    """{line: a function that returns whether it held, and what came otherwise}"""
    found = {}
    for row in ROWS:
        for build in row.builds:
            blocked = " under a full mask" if row.blocked else ""
            name = f"{row.fixture} ({build}){blocked}{''.join(f' {w}' for w in row.words)}: {row.wanted}"
            found[name] = lambda row=row, build=build: (lambda saw: (saw == row.wanted, saw))(run_row(row, build, options.build))
    for test, only in CASES:
        def case(test=test, only=only):
            rows = run_test(test, options.build, only)
            return "failed" not in rows.values(), ", ".join(name for name, how in rows.items() if how == "failed")
        found[f"{test}_test.py --only {only}: holds"] = case
    return {name: run for name, run in found.items() if all(word in name for word in options.only)}


def repeat(options):
    todo = lines(options)
    held, otherwise = collections.Counter(), collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(run): name for _ in range(options.times) for name, run in todo.items()}
        for number, done in enumerate(concurrent.futures.as_completed(runs)):
            try:
                well, saw = done.result()
            except (subprocess.TimeoutExpired, OSError, ValueError, KeyError) as e:
                well, saw = False, repr(e)
            held[runs[done]] += well
            if not well:
                otherwise[runs[done]].append(saw)
                print(f"{runs[done]}: {saw}", file=sys.stderr, flush=True)
            if (number + 1) % len(todo) == 0:
                print(f"{number + 1} of {len(runs)} runs", file=sys.stderr, flush=True)
    for name in todo:
        print(f"{held[name]:>4} of {options.times}  {name}")
    return 1 if otherwise else 0


def repeat_suites(options):
    held, failed, skipped = collections.Counter(), collections.Counter(), set()
    for number in range(options.times):
        for test in SUITES if "all" in options.suite else options.suite:
            for name, how in run_test(test, options.build).items():
                if how == "skipped":
                    skipped.add(name)
                else:
                    (held if how == "held" else failed)[name] += 1
        print(f"round {number + 1} of {options.times}: {sum(failed.values())} failures", file=sys.stderr, flush=True)
    for name in sorted(held.keys() | failed.keys()):
        print(f"{held[name]:>4} of {held[name] + failed[name]}  {name}")
    for name in sorted(skipped):
        print(f"skipped     {name}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("times", type=int)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--suite", action="append", default=[], choices=("all", *SUITES))
    options = parser.parse_args()
    start = time.monotonic()
    code = (repeat_suites if options.suite else repeat)(options)
    print(f"{time.monotonic() - start:.0f} s, load {os.getloadavg()[0]:.1f}")
    return code


if __name__ == "__main__":
    sys.exit(main())
