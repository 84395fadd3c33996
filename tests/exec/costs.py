#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What exec costs, in one run: a storm's CPU time, runs per second of --each-call beside strace -f, signals per second of --function.

`costs.py --program nmi-sim --fixture exec-fixture --static exec-fixture-static [--rounds N]`. What is compared is measured in turn,
N times; of times the least is taken, which a loaded machine disturbs least, and the spread is printed. It judges nothing.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import time


def parse():
    parser = argparse.ArgumentParser()
    for name in ("program", "fixture", "static"):
        parser.add_argument(f"--{name}", type=os.path.abspath, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


OPTIONS = parse()


def report(*words):
    """The JSON report of `nmi-sim exec WORDS`, and the CPU seconds of nmi-sim with all that it ran."""
    child = subprocess.Popen([OPTIONS.program, "exec", "-q", "--json", "--baseline", "1", *words], stdout=subprocess.PIPE)
    text = child.stdout.read()
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return json.loads(text), usage.ru_utime + usage.ru_stime


def seconds_of(*command):
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    return time.monotonic() - start


def spread(values, form):
    return f"{form.format(min(values))}  (of {len(values)}: " + ", ".join(form.format(v) for v in values) + ")"


def storm():
    print("Storm at 1 kHz of a program that computes, CPU seconds")
    rows = {"plain": [], "traced, no NMI": [], "storm": [], "storm and nmi-sim": []}
    nmis = 0
    for _ in range(OPTIONS.rounds):
        r, total = report("--", OPTIONS.fixture, "computes", "300")
        runs = {"plain": r["baseline"]["runs"][0], "traced, no NMI": r["baseline"]["traced"], "storm": r["storms"][0]["outcome"]}
        cpu = {name: run["cpu_ns"] / 1e9 for name, run in runs.items()}
        for name, value in cpu.items():
            rows[name].append(value)
        rows["storm and nmi-sim"].append(total - cpu["plain"] - cpu["traced, no NMI"])
        nmis += r["storms"][0]["nmis"]["delivered"]
    for name, values in rows.items():
        print(f"  {name:<20}{min(values) / min(rows['plain']):5.3f}  {spread(values, '{:.3f}')}")
    print(f"  {nmis // OPTIONS.rounds} NMIs each")


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


def main():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    print(f"{cpu}, {os.cpu_count()} CPUs, Linux {platform.release()}, load {os.getloadavg()[0]:.2f}")
    storm()
    each_call()
    function()


main()
