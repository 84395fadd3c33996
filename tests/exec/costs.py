#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What exec costs, in one run: CPU time under a storm and under a profile, runs per second of --each-call beside strace -f, signals
per second of --function.

`costs.py --program nmi-sim --fixture exec-fixture --static exec-fixture-static --profiled exec-profiled --profiled-leaf
exec-profiled-leaf [--rounds N] [--only PART]... [--questions FILE]`. What is compared is measured in turn, N times. CPU times are medians, of programs
that run for about three seconds; of other times the least is taken, which a loaded machine disturbs least. The spread is printed.
It judges nothing. FILE gets what tests/bench/verdict.py reads.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time


def parse():
    parser = argparse.ArgumentParser()
    for name in ("program", "fixture", "static", "profiled", "profiled-leaf"):
        parser.add_argument(f"--{name}", type=os.path.abspath, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--questions", metavar="FILE")
    parser.add_argument("--only", action="append", choices=list(PARTS))
    return parser.parse_args()


def cpu_seconds(command):
    """Standard output of the command, and the CPU seconds of all that it ran."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return text, usage.ru_utime + usage.ru_stime


def report(*words):
    """The JSON report of `nmi-sim exec WORDS`, and the CPU seconds of nmi-sim with all that it ran."""
    text, seconds = cpu_seconds([OPTIONS.program, "exec", "-q", "--json", "--baseline", "1", *words])
    return json.loads(text), seconds


def seconds_of(*command):
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    return time.monotonic() - start


QUESTIONS = []


def ask(text, unit, ours, peer, peer_name, limit=None, more_is_better=False):
    """A line for tests/bench/verdict.py."""
    QUESTIONS.append({"text": text, "unit": unit, "ours": ours, "peer": peer, "peer_name": peer_name, "limit": limit, "more_is_better": more_is_better})


def spread(values, form):
    return f"{form.format(min(values))}  (of {len(values)}: " + ", ".join(form.format(v) for v in values) + ")"


def medians(rows, base):
    """A line for each row: its median, as a multiple of the base's too."""
    for name, values in rows.items():
        if values:
            middle = statistics.median(values)
            print(f"  {name:<34}{middle:7.3f} s {middle / statistics.median(rows[base]):7.3f}  ({min(values):.3f} to {max(values):.3f})")


def storm():
    print("Storm at 1 kHz of a program that computes, CPU seconds: median, of plain (least to most)")
    rows = {"plain": [], "traced, no NMI": [], "storm": [], "storm and nmi-sim": []}
    nmis = 0
    for _ in range(OPTIONS.rounds):
        r, total = report("--", OPTIONS.fixture, "computes", "9000")
        runs = {"plain": r["baseline"]["runs"][0], "traced, no NMI": r["baseline"]["traced"], "storm": r["storms"][0]["outcome"]}
        cpu = {name: run["cpu_ns"] / 1e9 for name, run in runs.items()}
        for name, value in cpu.items():
            rows[name].append(value)
        rows["storm and nmi-sim"].append(total - cpu["plain"] - cpu["traced, no NMI"])
        nmis += r["storms"][0]["nmis"]["delivered"]
    medians(rows, "plain")
    print(f"  {nmis // OPTIONS.rounds} NMIs each")
    ask("exec: CPU time of a program under a storm at 1 kHz", "s", statistics.median(rows["storm"]), statistics.median(rows["plain"]), "plain", 1.05)


def profile():
    print("Profile of a program that computes, CPU seconds with nmi-sim or perf: median, of plain (least to most)")
    ours = [OPTIONS.program, "exec", "-q", "--profile"]
    with tempfile.TemporaryDirectory() as folder:
        perf = ["perf", "record", "-q", "-o", os.path.join(folder, "perf.data"), "-e", "cpu-clock"]
        for name, program in (("with frame pointers", OPTIONS.profiled), ("without", OPTIONS.profiled_leaf)):
            ways = {"plain": [], "--profile (1 kHz)": [*ours, "--"], "--profile --rate 10k": [*ours, "--rate", "10k", "--"]}
            for stacks in ("fp", "leaf"):
                ways[f"--profile --rate 10k --stacks {stacks}"] = [*ours, "--rate", "10k", "--stacks", stacks, "--"]
            if shutil.which("perf"):
                for rate in ("1000", "10000"):
                    ways[f"perf record -F {rate}"] = [*perf, "-F", rate, "--"]
                ways["perf record -F 10000 -g"] = [*perf, "-F", "10000", "-g", "--"]
                ways["perf record -F 10000 dwarf"] = [*perf, "-F", "10000", "--call-graph", "dwarf", "--"]
            rows = {way: [] for way in ways}
            for _ in range(OPTIONS.rounds):
                for way, before in ways.items():
                    rows[way].append(cpu_seconds([*before, program, "counts", "900"])[1])
            print(f" {name}")
            medians(rows, "plain")
            ask(f"exec --profile at 1 kHz, {name}: CPU time with nmi-sim", "s", statistics.median(rows["--profile (1 kHz)"]), statistics.median(rows["plain"]), "plain", 1.15)
            if shutil.which("perf"):
                ask(f"exec --profile at 10 kHz, {name}: the same", "s", statistics.median(rows["--profile --rate 10k"]),
                    statistics.median(rows["perf record -F 10000"]), "perf record", 1.5)


def each_call():
    print("Runs per second of one command: a call interrupted in each, and under strace -f")
    for name, words in (("sleep-free copy", [OPTIONS.fixture, "copy_blocks", "1"]), ("sh -c with a child", ["sh", "-c", f"{OPTIONS.fixture} copy_blocks 1; :"])):
        each, strace, plain = [], [], []
        for _ in range(OPTIONS.rounds):
            start = time.monotonic()
            r, _ = report("--each-call", "--", *words)
            elapsed = time.monotonic() - start
            runs = 3 + 1 + sum(1 + 2 * (p["differences"][0]["runs"] - 1) if p["differences"] else 1 for p in r["placements"])
            each.append(runs / elapsed)
            plain.append(20 / sum(seconds_of(*words) for _ in range(20)))
            if shutil.which("strace"):
                strace.append(20 / sum(seconds_of("strace", "-f", "-o", "/dev/null", *words) for _ in range(20)))
        print(f"  {name}: {len(r['placements'])} calls")
        for what, values in (("plain", plain), ("strace -f", strace), ("--each-call", each)):
            if values:
                print(f"    {what:<14}{max(values):7.1f}  (of {len(values)}: " + ", ".join(f"{v:.1f}" for v in values) + ")")
        ask(f"exec --each-call, {name}: runs per second", "", max(each), max(strace, default=None), "strace -f")


def function():
    print("A signal at each instruction: time each")
    for name, program in (("PIE", OPTIONS.fixture), ("static", OPTIONS.static)):
        for way, many in (("auto", "200"), ("never", "2")):
            each, places = [], 0
            for _ in range(OPTIONS.rounds):
                r, _ = report("--signal", "USR1", "--function", "torn_work", "--fork", way, "--", program, "torn_pair_unseen", many)
                places = len(r["function"]["runs"])
                each.append(r["function"]["elapsed_ns"] / places / 1e6)
            print(f"  {name:<8}--fork {way:<6}{places:5} places  {spread(each, '{:.3f} ms')}, {1000 / min(each):.0f} per second")
            if way == "auto":
                ask(f"exec --function, {name}: time of an instruction", "ms", min(each), 0.5, "asked for", 1)
        each = []
        for _ in range(OPTIONS.rounds):
            r, _ = report("--signal", "USR1", "--function", "straight_work", "--calls", "each", "--", program, "torn_often", "200", "2", "straight")
            each.append(r["function"]["elapsed_ns"] / len(r["function"]["runs"]) / 1e6)
        print(f"  {name:<8}--calls each  {len(r['function']['runs']):3} places  {spread(each, '{:.3f} ms')}, {1000 / min(each):.0f} per second")
        ask(f"exec --function --calls each, {name}: time of an instruction", "ms", min(each), 0.5, "asked for", 1)


def main():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    print(f"{cpu}, {os.cpu_count()} CPUs, Linux {platform.release()}, load {os.getloadavg()[0]:.2f}")
    for part in OPTIONS.only or PARTS:
        PARTS[part]()
    if OPTIONS.questions:
        with open(OPTIONS.questions, "w", encoding="utf-8") as file:
            json.dump({"questions": QUESTIONS}, file, indent=1)
            file.write("\n")


PARTS = {"storm": storm, "profile": profile, "each-call": each_call, "function": function}
OPTIONS = parse()
main()
