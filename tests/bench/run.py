#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs nmi-sim-bench group by group, and looks at the machine before and after each.

    run.py nmi-sim-bench --out bench.json [--filter REGEX] [--repetitions N] [--repeats SECONDS]

A group is what stands before a name's first slash. The state of the machine is what bare code costs: a handler that only
counts, and a signal to oneself. A core that is shared with somebody else shows in it. A group is disturbed if the state
changed across it, or was far from the best one of the run; it is then repeated, at most twice and for two minutes in all,
and the calmest of the tries is kept and says so.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

STATE = r"^(dispatcher/bare/.*threads:1|self/bare/)"
STATE_REPETITIONS = 21
MOST_TRIES = 3
CHANGED = 1.15   # between before and after
FAR = 1.25       # from the best state of the run


def run(program, *options):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        done = subprocess.run([program, *options, "--benchmark_enable_random_interleaving=true", "--benchmark_report_aggregates_only=true",
                               f"--benchmark_out={out.name}", "--benchmark_out_format=json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        text = out.read()
        if done.returncode != 0 or not text:
            sys.exit(f"run.py: {program} {' '.join(options)} ended with {done.returncode} and {len(text)} bytes of figures")
        return json.loads(text)


def state(program):
    """{what: median in ns}"""
    document = run(program, f"--benchmark_filter={STATE}", f"--benchmark_repetitions={STATE_REPETITIONS}")
    return {b["run_name"].split("/")[0]: b["cpu_time"] for b in document["benchmarks"] if b.get("aggregate_name") == "median"}


def groups(program, pattern):
    """{group: its names}, in the program's order."""
    text = subprocess.run([program, "--benchmark_list_tests", f"--benchmark_filter={pattern}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    found = {}
    for name in text.splitlines():
        if "/" in name:
            found.setdefault(name.split("/")[0], []).append(name)
    return found


class States:
    """What the machine was like, the best that was seen, and how much time is left for repeats."""

    def __init__(self, repeats_s):
        self.best = {}
        self.left_s = repeats_s

    def see(self, seen):
        for what, ns in seen.items():
            self.best[what] = min(ns, self.best.get(what, ns))
        return seen

    def distance(self, *seen):
        """How many times the best state: 1 is undisturbed."""
        return max(s[what] / self.best[what] for s in seen for what in s)


def change(before, after):
    return max(max(before[what] / after[what], after[what] / before[what]) for what in before)


def measure(program, name, names, repetitions, states, before):
    """(benchmarks, what to say about the state, the state after)"""
    tries = []
    pattern = "^(" + "|".join(re.sub(r"([].[{}()*+?|^$\\\\])", r"\\\1", n) for n in names) + ")$"
    for _ in range(MOST_TRIES):
        begin_s = time.monotonic()
        document = run(program, f"--benchmark_filter={pattern}", f"--benchmark_repetitions={repetitions}")
        after = states.see(state(program))
        tries.append((change(before, after), before, after, document))
        if tries[-1][0] <= CHANGED and states.distance(before, after) <= FAR:
            break
        last_s = time.monotonic() - begin_s
        if last_s > states.left_s:
            break
        states.left_s -= last_s
        before = after
    changed, before, last, document = min(tries, key=lambda t: (states.distance(t[1], t[2]), t[0]))
    said = {"group": name, "tries": len(tries), "changed": changed, "before": before, "after": last}
    return document, said, after


def write(whole, states, path):
    for said in whole["states"]:
        said["distance"] = states.distance(said["before"], said["after"])
        said["disturbed"] = said["changed"] > CHANGED or said["distance"] > FAR
    whole["best_state"] = states.best
    with open(path, "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--out", required=True)
    parser.add_argument("--filter", default=".")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--repeats", type=float, default=120, metavar="SECONDS", help="for repeating disturbed groups, in all (120)")
    arguments = parser.parse_args()
    found = groups(arguments.program, arguments.filter)
    if not found:
        sys.exit(f"run.py: no benchmark matches {arguments.filter}")
    states, whole = States(arguments.repeats), None
    before = states.see(state(arguments.program))
    for number, (name, names) in enumerate(found.items()):
        print(f"bench.sh: {name}, {number + 1} of {len(found)} groups", file=sys.stderr)
        document, said, before = measure(arguments.program, name, names, arguments.repetitions, states, before)
        if whole is None:
            whole = {"context": document["context"], "states": [], "benchmarks": []}
        whole["states"].append(said)
        whole["benchmarks"] += document["benchmarks"]
        write(whole, states, arguments.out)  # so that what was measured survives
    return 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main())
