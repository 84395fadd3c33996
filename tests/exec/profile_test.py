#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--profile: programs that know how they have spent their time, sampled."""
import collections
import errno
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import timeline as viewer
from exec_support import CASES, Result, case, expect, options, processes, run, tap


def profile(name, *arguments, words=(), program=None):
    result = run("--profile", "--timeout", "100s", *words, command=[program or options.profiled, name, *map(str, arguments)])
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    return result


def found(result, status=0):
    expect(result.code == 0 and result.verdict == "sampled", *result.shown())
    p = result.json["profile"]
    expect(p["outcome"]["exit_status"] == status, p["outcome"])
    return p


def shares(rows):
    all_of_them = sum(row["self"] for row in rows)
    return {row["function"]: 100 * row["self"] / all_of_them for row in rows if row["function"]}


def expect_split(p, stdout):
    """As the program measured itself; a sample is counted or not, so a share of n samples is off by a few of its deviations.

    Of the three functions, that is: how long a loader takes is another matter, most of all on a machine that is busy."""
    everywhere = shares(p["functions"])
    names = ("work_hot", "work_warm", "work_cold")
    work = sum(everywhere.get(name, 0) for name in names)
    expect(work > 50, everywhere)
    seen = {name: 100 * everywhere.get(name, 0) / work for name in names}
    for name, truth in zip(names, map(float, stdout.split())):
        deviation = 100 * (truth / 100 * (1 - truth / 100) / p["samples"]) ** 0.5
        expect(abs(seen.get(name, 0) - truth) < 2 + 5 * deviation, name, truth, seen, p["samples"])


def builds():
    return {"dynamic": options.profiled, "static": options.profiled_static, "without frame pointers": options.profiled_leaf}


@case
def split():
    """a program that spends 60, 30 and 10 % is seen so: dynamic, static, and without frame pointers, at 1 and 10 kHz"""
    for build, rate, seconds in (("dynamic", "1k", 0.3), *((build, "10k", 0.1) for build in builds())):
        p = found(profile("split", seconds, words=["--rate", rate], program=builds()[build]))
        expect(p["samples"] > 20 and p["swaps"] > 0 and p["eras"] == 1, build, rate, p)
        expect_split(p, p["outcome"]["stdout"]["first_line"])


@case
def callers():
    """frame pointers lead to the callers, in a static program too; --stacks leaf asks for none"""
    for program in (options.profiled, options.profiled_static):
        p = found(profile("split", 0.1, words=["--rate", "5k"], program=program))
        rounds = next(row for row in p["functions"] if row["function"] == "work_rounds")
        expect(rounds["total"] > 0.8 * p["samples"] and rounds["self"] < 0.2 * p["samples"], rounds, p["samples"])
        expect(p["with_callers"] > 0.8 * p["samples"], p["with_callers"], p["samples"])
    p = found(profile("split", 0.04, words=["--stacks", "leaf"]))
    expect(p["with_callers"] == 0 and all(row["total"] == row["self"] for row in p["functions"]), p["functions"])


@case
def unwound():
    """callers are found without frame pointers, through the C library too, from the first instruction of a program to the last"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "folded"
        for build, program in builds().items():
            p = found(profile("chain", 0.1, words=["--rate", "5k", "--folded", str(path)], program=program))
            hot = [line for line in path.read_text().splitlines() if ";work_hot" in line]
            samples, whole = (sum(int(line.rsplit(" ", 1)[1]) for line in hot if re.search(wanted, line))
                              for wanted in ("", ";_start;.*;chain_outer;chain_middle;.*;chain_compare;work_hot"))
            expect(samples > 0.5 * p["samples"] and whole > 0.9 * samples, build, whole, samples, p["samples"], hot)


@case
def astray():
    """a frame pointer that leads to no code ends the stack there: no caller is invented"""
    p = found(profile("goes_astray", 0.1))
    rows = [row for row in p["functions"] if row["object"] == ""]
    expect(not rows, rows)
    expect(any("goes_astray" in row["function"] and row["self"] > 0.5 * p["samples"] for row in p["functions"]), p["functions"])


@case
def every_thread():
    """each thread has its own row"""
    p = found(profile("threads", 0.1, words=["--rate", "5k"]))
    rows = {t["path"]: shares(t["functions"]) for t in p["by_thread"] if t["path"] != "0"}
    expect(set(rows) == {"0/1", "0/2"}, rows)
    expect(rows["0/1"].get("work_hot", 0) > 80 and rows["0/2"].get("work_warm", 0) > 80, rows)
    expect(p["threads"] == 3 and p["processes"] == 1, p)


@case
def every_child():
    """children that are forked have rows of their own, named by their births"""
    p = found(profile("forks", 0.05))
    rows = {t["path"]: t["samples"] for t in p["by_thread"]}
    expect(all(rows.get(path, 0) > 0 for path in ("0.1", "0.2", "0.3")), rows)
    expect(p["processes"] == 4 and p["without_clock"] == 0, p)


@case
def one_after_another():
    """children that live one after another have their own samples, although descriptors' numbers are used again"""
    p = found(profile("turns", 1, words=["--rate", "10k"]))
    rows = {int(t["path"][2:]): shares(t["functions"]) for t in p["by_thread"] if t["path"].startswith("0.")}
    expect(len(rows) + p["without_clock"] == 20 and len(rows) > 10, sorted(rows), p["without_clock"])
    expect(not any({1: "work_warm", 0: "work_hot"}[number % 2] in row for number, row in rows.items()), rows)


@case
def again_and_again():
    """a program that executes itself again and again has a clock each time: none of ours stays open"""
    words = ["exec", "--quiet", "--json", "--profile", "--timeout", "100s", "--", options.profiled, "again", "60"]
    limited = ["sh", "-c", f'ulimit -n {40 + 2 * os.cpu_count()}; exec "$@"', "sh", options.program, *words]
    result = Result(subprocess.run(limited, capture_output=True, text=True, timeout=300, check=False))
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    p = found(result)
    expect(p["programs"] == 61 and p["without_clock"] == 0, p["programs"], p["without_clock"])


@case
def every_program():
    """a program that is executed after failed tries, by a thread that is not the leader, or behind a vfork, is sampled"""
    p = found(profile("executes", 0.04))
    rows = {}
    for t in p["by_thread"]:
        rows.setdefault(t["path"], set()).update(row["function"] for row in t["functions"] if row["self"])
    expect(all("work_hot" in rows.get(path, ()) for path in ("0.1", "0.2", "0.3")), rows)
    expect(p["programs"] == 4 and p["unarmed"] == 0, p)
    expect(sum(t["path"] == "0.1" for t in p["by_thread"]) == 2, [t["path"] for t in p["by_thread"]])  # before its execve, and behind


@case
def main_only():
    """--follow main samples the command's own process; its children, and what they execute, live without"""
    for name, rows in (("forks", {"0"}), ("executes", {"0"})):
        p = found(profile(name, 0.03, words=["--follow", "main", "--rate", "10k"]))
        expect({t["path"] for t in p["by_thread"]} <= rows, [t["path"] for t in p["by_thread"]])
        expect(p["processes"] == 4 and p["unarmed"] == 0, p["processes"], p["unarmed"])


@case
def another_program():
    """a process that executes another program runs on one clock, with the other's functions"""
    words = ["sh", "-c", f"exec '{options.profiled}' split 0.1"]
    result = run("--profile", "--rate", "5k", command=words)
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    p = found(result)
    own = next(t for t in p["by_thread"] if t["exe"].startswith("exec-profiled"))
    expect(shares(own["functions"]).get("work_hot", 0) > 40, own)
    expect(p["samples"] < 1.3 * 5000 * 0.1 + 200, p["samples"])


@case
def failed_exec():
    """a process whose execve failed goes on, and is sampled"""
    p = found(profile("fails_to_execute", 0.1))
    expect(shares(p["functions"]).get("work_hot", 0) > 80, p["functions"])


@case
def traced():
    """a program that somebody else traces cannot be given the sampler: it has no clock, lives, and is counted"""
    p = found(profile("debugs", 0.04, words=["--rate", "10k"]))
    expect(p["unarmed"] == 1 and p["programs"] == 2, p["unarmed"], p["programs"])


@case
def unharmed():
    """no call is interrupted, with SA_RESTART or without; errno is kept; a program that resets its handlers is not killed"""
    for words in ([], ["--restart", "off"]):
        p = found(profile("interrupted", 0.1, words=["--rate", "10k", *words]))
        expect(p["outcome"]["stdout"]["first_line"] == "0 interrupted", p["outcome"]["stdout"])
    for program in ("keeps_errno", "resets"):
        found(profile(program, 0.05, words=["--rate", "10k"]))


@case
def without_handlers():
    """children whose handlers the kernel has reset (CLONE_CLEAR_SIGHAND) get no clock, and live"""
    result = run("--profile", "--rate", "10k", command=[options.fixture, "clears_handlers"])
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    p = found(result)
    expect(p["outcome"]["stdout"]["first_line"] == "none failed", p["outcome"])


@case
def nothing_to_sample():
    """no sample is no pass: a program that uses less CPU time than one sample is due after"""
    result = profile("sleeps", 0.1, words=["--rate", "0.5"], program=options.profiled_static)
    expect(result.code == 1 and result.verdict == "none-delivered", *result.shown())
    expect("--rate" in result.json["why"] and result.json["profile"]["outcome"]["exit_status"] == 0, *result.shown())


@case
def ends():
    """how the command ends is told, with samples or without"""
    for words, aspect, value in (("exit 3", "exit_status", 3), ("kill -TERM $$", "signal", 15)):
        result = run("--profile", command=["sh", "-c", words])
        if result.code == 77:
            raise tap.Skipped(result.json["why"])
        expect(result.json["profile"]["outcome"][aspect] == value, *result.shown())


@case
def blocked():
    """a thread that blocks every signal has no samples, and waits for none that nobody sent"""
    p = found(profile("blocks", 0.05, words=["--rate", "10k"]))
    expect("work_hot" not in shares(p["functions"]), p["functions"])


@case
def killed_children():
    """children are killed at work, in the sampler too: the profile goes on, and each sample is booked"""
    p = found(profile("kills", 0.2, words=["--rate", "20k"]))
    expect(shares(p["functions"]).keys() >= {"work_hot", "work_warm"}, p["functions"])
    expect(p["lost"]["gave_up"] == 0 and p["lost"]["no_room"] == 0, p["lost"])


@case
def left_behind():
    """what the command leaves behind is ended with it, and counted"""
    p = found(profile("leaves_behind"))
    expect(p["left_behind"] == 1, p["left_behind"])
    expect(not processes(options.profiled, "leaves_behind"), processes(options.profiled, "leaves_behind"))


@case
def killed():
    """nmi-sim is killed: nothing of the command is left, and nothing is stopped"""
    for number in ("INT", "TERM", "KILL"):
        child = subprocess.Popen([options.program, "exec", "-q", "--profile", "--", "sh", "-c", f"'{options.profiled}' split 600 & wait"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not processes(options.profiled, "split", "600") and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if child.poll() == 77:
            raise tap.Skipped("no profile here")
        expect(processes(options.profiled, "split", "600"), number)
        subprocess.run(["kill", "-" + number, str(child.pid)], check=True)
        child.wait(60)
        while processes(options.profiled, "split", "600") and time.monotonic() < deadline:
            time.sleep(0.01)
        left = processes(options.profiled, "split", "600")
        for pid, _ in left:
            subprocess.run(["kill", "-KILL", pid], check=False)
        expect(not left, number)


@case
def no_command():
    """a command that is not there: 1, with its name"""
    result = run("--profile", command=["/nonexistent/program"])
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    expect(result.code == 1 and "/nonexistent/program" in result.json["why"], *result.shown())


@case
def files():
    """text and --folded: functions, most first; each line of the file is a stack and its samples"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "folded"
        result = run("--profile", "--folded", str(path), command=[options.profiled, "split", "0.1"], json_report=False)
        if result.code == 77:
            raise tap.Skipped(result.text)
        lines = path.read_text().splitlines()
        samples = sum(int(line.rsplit(" ", 1)[1]) for line in lines)
        expect(f"PASS {samples:,}".replace(",", " ") in result.text or f"PASS {samples}" in result.text, samples, result.text)
        expect(any(";work_rounds;work_hot " in line for line in lines), lines)
        functions = [line for line in result.text.splitlines() if "work_" in line and "%" in line]
        expect("work_hot" in functions[0] and "work_warm" in functions[1], functions)


def refused(error, name, *arguments, program=None, command=None, how="refuses_perf"):
    """Where perf_event_open fails."""
    words = ["exec", "--quiet", "--json", "--profile", "--rate", "10k", "--timeout", "100s", "--", *(command or [program or options.profiled, name, *map(str, arguments)])]
    done = subprocess.run([options.profiled, how, str(error), options.program, *words], capture_output=True, text=True, timeout=300, check=False)
    expect(done.returncode != 77 or how == "refuses_perf", done.stdout[-300:])  # timers could be had before
    result = Result(done)
    if result.code == 77:
        raise tap.Skipped(result.json["why"])
    p = found(result)
    expect(p["clock"] == "timer" and p["period_ns"] >= 1e6, p["clock"], p["period_ns"])
    return p


@case
def without_perf():
    """where perf_event_open is refused a timer in each program stands for it: shares, threads, callers, programs executed"""
    for error, program in ((errno.EACCES, options.profiled), (errno.ENOSYS, options.profiled_static)):
        p = refused(error, "split", 0.3, program=program)
        expect(p["samples"] > 20, p["samples"])
        seen = shares(p["functions"])
        expect(seen.get("work_hot", 0) > 40 and "work_warm" in seen, seen)  # the program's rounds are a multiple of a tick: no more can be said
        rounds = next(row for row in p["functions"] if row["function"] == "work_rounds")
        expect(rounds["total"] > 0.8 * p["samples"], rounds, p["samples"])
        outermost = next((row for row in p["functions"] if row["function"] == "_start"), None)
        expect(outermost and outermost["total"] > 0.5 * p["samples"], p["functions"])  # through the C library: its mapping was seen
    seen = shares(refused(errno.EPERM, "threads", 0.3)["functions"])
    expect(seen.get("work_hot", 0) > 30 and "work_warm" in seen, seen)  # which thread a tick finds is not up to us
    p = refused(errno.EACCES, None, command=["sh", "-c", f"'{options.profiled}' split 0.1; '{options.profiled}' threads 0.1"])
    rows = {t["path"]: shares(t["functions"]) for t in p["by_thread"]}
    expect(rows.get("0.1", {}).get("work_hot", 0) > 20 and "work_hot" in rows.get("0.2", {}), rows)
    expect(p["programs"] == 3 and p["unarmed"] == 0, p["programs"], p["unarmed"])
    p = refused(errno.EACCES, None, command=["sh", "-c", f"((sleep 0.05; exec '{options.profiled}' split 0.1) &) | cat"])  # left by its parent
    rows = {t["path"]: shares(t["functions"]) for t in p["by_thread"] if t["path"] != "0"}
    expect(any(row.get("work_hot", 0) > 20 for row in rows.values()) and p["programs"] == 4, rows, p["programs"])
    p = refused(errno.EACCES, "split", 0.1, how="refuses_perf_of_cpus")  # a thread's own clock could be had
    expect("work_hot" in shares(p["functions"]) and p["programs"] == 1, p["functions"], p["programs"])
    p = refused(errno.EACCES, None, command=["sh", "-c", f"exec sh -c \"exec '{options.profiled}' split 0.04\""])
    expect(p["programs"] == 3 and p["processes"] == 1, p["programs"], p["processes"])


@case
def timeline():
    """--trace: a timeline that viewers read, with each thread's samples, in the time that the command took"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "trace.json"
        p = found(profile("threads", 0.1, words=["--rate", "5k", "--trace", str(path)]))
        document = json.loads(path.read_text())
        problems = viewer.problems_of(document)
        expect(not problems, problems[:3])
        events = document["traceEvents"]
        rows = {e["tid"]: e["args"]["name"].split()[0] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
        own = collections.Counter()
        for e in events:
            if e["ph"] == "X":
                own[rows[e["tid"]]] += e["args"]["self"]
        expect(own == {t["path"]: t["samples"] for t in p["by_thread"]}, own, [(t["path"], t["samples"]) for t in p["by_thread"]])
        last = max(e["ts"] + e["dur"] for e in events if e["ph"] == "X")
        expect(0.05e6 < last <= p["outcome"]["elapsed_ns"] / 1e3 + 10e3, last, p["outcome"]["elapsed_ns"])
        found(profile("pauses", 0.04, words=["--trace", str(path)]))
        work = [e for e in json.loads(path.read_text())["traceEvents"] if e["ph"] == "X" and e["name"] == "work_hot"]
        expect(any(b["ts"] - a["ts"] - a["dur"] > 250e3 for a, b in zip(work, work[1:])), work)
        p = found(profile("split", 0.15, words=["--rate", "10k", "--trace-limit", "1000", "--trace", str(path)]))
        other = json.loads(path.read_text())["otherData"]
        expect(other["samples"] == 1000 and other["samples"] + other["lost"] == p["samples"], other, p["samples"])


@case
def freestanding():
    """the sampler needs nothing from outside: its section has no relocation"""
    objects = [p for p in pathlib.Path(options.program).resolve().parents[2].glob("src/exec/**/*sampler.cpp.o")]
    try:
        for path in objects:
            done = subprocess.run(["objdump", "--reloc", "--section=nmi_sampler", str(path)], capture_output=True, text=True, check=True)
            expect("R_X86_64" not in done.stdout, done.stdout)
    except FileNotFoundError:
        raise tap.Skipped("no objdump") from None
    if not objects:
        raise tap.Skipped("not in its build folder")


tap.run(CASES)
