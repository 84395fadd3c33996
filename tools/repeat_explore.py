#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `nmi-sim explore` finds it finds each time: repeat_explore.py N BUILD.

N times each: the litmus table (both memory models); each fence and membarrier(2) left out, with store buffers (found, the
same finding, the waiting store and the overtaking load named) and without (nothing found); both maps of each flavor with
store buffers (clean, nothing unsupported). Once each, because they take longer: of each flavor do_nmi-map with two
preemptions of each thread, with a second NMI, and with both, and both maps with two readers. A table of how often each
held; exit code 1 if one ever did not.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import time

LONGEST_S = 120  # of one command, on a busy machine too
EXPLORE = ("explore", "-q", "--map", "--json")
NOT_HERE = 77
DEEPER = (("do_nmi-map", "--preemptions", "2"), ("do_nmi-map", "--nmis", "2"), ("do_nmi-map", "--nmis", "2", "--preemptions", "2"),
          ("read-map", "--readers", "2"), ("do_nmi-map", "--readers", "2"))


def explored(program, *options):
    """Exit code and the map; no map where nothing was explored."""
    done = subprocess.run([program, *EXPLORE, *options], capture_output=True, text=True, check=False, timeout=LONGEST_S)
    reports = json.loads(done.stdout)["reports"] if done.stdout else []
    return done.returncode, reports[0] if reports else None


def names_of(program, topic):
    return subprocess.run([program, "list", "--names", topic], capture_output=True, text=True, check=True).stdout.split()


def litmus_table(program):
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=LONGEST_S)
    return done.returncode == 0 and "All tests passed" in done.stdout


def is_clean(program, flavor, window, *options):
    code, report = explored(program, "--flavor", flavor, "--window", window, *options)
    clean = code == 0 and report["clean"] and not report.get("unsupported")
    if not clean:  # rare, and gone at the next run: all that is known
        print(f"exit code {code}: {json.dumps(report)[:4000]}", file=sys.stderr)
    return clean


class LeftOut:
    """A fault with a flavor. The first finding must be the same each time."""

    def __init__(self, program, fault, flavor):
        self.program, self.options, self.first = program, ("--fault", fault, "--flavor", flavor), None

    def is_found(self):
        code, report = explored(self.program, "--memory", "tso", *self.options)
        if code != 3 or not report["findings"]:
            return False
        finding = report["findings"][0]
        named = [c for c in finding["contexts"] if c["waiting_stores"] and c["store"]["by"]["symbol"] and c["overtaken"]["by"]["symbol"]]
        self.first = self.first or finding["schedule"]
        return bool(named) and finding["schedule"] == self.first

    def is_no_matter_without_store_buffers(self):
        code, report = explored(self.program, "--memory", "sc", *self.options)
        return code == 0 and report["clean"]


def rows(build):
    program, litmus = build / "src/cli/nmi-sim", build / "tests/explore/explore_litmus_test"
    yield "litmus tests, sc and tso", lambda: litmus_table(litmus)
    flavors = names_of(program, "flavors")
    listed = subprocess.run([program, "list", "faults"], capture_output=True, text=True, check=True).stdout
    for fault in re.findall(r"^  (\S+) .*\[found by explore --memory tso\]$", listed, re.M):
        for flavor in flavors:
            if explored(program, "--memory", "tso", "--fault", fault, "--flavor", flavor)[0] == NOT_HERE:
                continue
            one = LeftOut(program, fault, flavor)
            yield f"{flavor}: {fault} found, tso", one.is_found
            yield f"{flavor}: {fault} not found, sc", one.is_no_matter_without_store_buffers
    for flavor in flavors:
        for window in ("read-map", "do_nmi-map"):
            yield f"{flavor}: {window} clean, tso", lambda f=flavor, w=window: is_clean(program, f, w, "--memory", "tso")


def rows_of_once(build):
    for flavor in names_of(program := build / "src/cli/nmi-sim", "flavors"):
        for window, *options in DEEPER:
            yield (f"{flavor}: {window} clean, {' '.join(options)}",
                   lambda f=flavor, w=window, o=tuple(options): is_clean(program, f, w, *o))


def main():
    if len(sys.argv) != 3 or not sys.argv[1].isdigit() or int(sys.argv[1]) == 0:
        sys.exit(__doc__)
    times, begin, build = int(sys.argv[1]), time.monotonic(), pathlib.Path(sys.argv[2])
    each = list(rows(build))
    if not any("found, tso" in name for name, _ in each):
        sys.exit("no fault was explored with store buffers: built without capstone, or not on x86-64")
    once = list(rows_of_once(build))
    held, spent = collections.Counter(), collections.Counter()
    for name, holds in each * times + once:
        before = time.monotonic()
        try:
            held[name] += bool(holds())
        except subprocess.TimeoutExpired as late:  # it did not hold
            print(late, file=sys.stderr)
        spent[name] += time.monotonic() - before
    missed = 0
    for name, wanted in [(name, times) for name, _ in each] + [(name, 1) for name, _ in once]:
        missed += held[name] != wanted
        print(f"{name:48}  {held[name]:3} of {wanted:3}  {spent[name] / wanted:6.1f} s each{'' if held[name] == wanted else '  MISSED'}")
    print(f"{len(each) + len(once)} rows, {missed} missed, {time.monotonic() - begin:.0f} s")
    sys.exit(missed != 0)


if __name__ == "__main__":
    main()
