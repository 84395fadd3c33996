#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--trace: real runs, checked by the rules of the viewers (timeline.py) and compared with the report."""
import argparse
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
import timeline
from looked import looked

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake", required=True)
options = parser.parse_args()
CASES = []


def case(function):
    CASES.append((function.__doc__, function))
    return function


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {seen!r}")


def traced(*arguments, code=0):
    """Timeline, report."""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-trace-") as folder:
        file = pathlib.Path(folder) / "trace.json"
        def run():
            return subprocess.run([options.program, "--json", "--trace", file, "--seed", "1", *arguments], text=True,
                                  capture_output=True, timeout=100, check=False)

        done = run() if code else looked(run)
        expect(done.returncode == code, done.returncode, done.stdout[-2000:], done.stderr)
        return json.loads(file.read_text()), json.loads(done.stdout)


def whole(document, report):
    """Nothing was overwritten: then the timeline is the run, NMI by NMI."""
    expect(document["otherData"]["lost"] == 0, document["otherData"])
    nmis = sum(len(timeline.slices(document, n)) for n in ("NMI", "NMI unclaimed"))
    expect(nmis == report["nmis"]["handled"], nmis, report["nmis"])
    expect(len(timeline.slices(document, "swap")) == report["swaps"]["done"], report["swaps"])
    expect(len(timeline.slices(document, "reclaim")) == report["swaps"]["reclaimed"], report["swaps"])
    expect(len(timeline.instants(document, "coalesced")) == report["nmis"]["coalesced"], report["nmis"])


def arrows(document, name):
    return sum(e["ph"] == "f" and e["name"] == name for e in document["traceEvents"])


def no_problems(document):
    problems = timeline.problems_of(document)
    expect(not problems, len(problems), problems[:3])


@case
def whole_run():
    """a timeline follows the viewers' rules, and holds each NMI, swap and reclaim of the report"""
    document, report = traced("--duration", "1s", "--rate", "5k", "--swap-interval", "2ms", "--cpus", "2")
    no_problems(document)
    whole(document, report)
    expect(arrows(document, "raise") == report["nmis"]["handled"], arrows(document, "raise"))
    expect(not timeline.instants(document, "violation"), "a violation in a correct run")


@case
def queued_on_a_vcpu():
    """so does one of queued NMIs that interrupt the swaps on vCPU 0"""
    document, report = traced("--duration", "500ms", "--delivery", "queue", "--controller", "vcpu", "--rate", "3k")
    no_problems(document)
    whole(document, report)
    swapping = {e["tid"] for e in timeline.slices(document, "swap")}
    expect(swapping == {e["tid"] for e in timeline.slices(document, "NMI")} and len(swapping) == 1, swapping)


@case
def deferred():
    """with call_rcu the reclaims have a row of their own, and arrows from what replaced the handler"""
    document, report = traced("--duration", "500ms", "--reclaim", "call_rcu", "--rate", "2k")
    no_problems(document)
    whole(document, report)
    rows = {e["tid"] for e in timeline.slices(document, "reclaim")} - {e["tid"] for e in timeline.slices(document, "swap")}
    expect(len(rows) == 1, rows)
    expect(arrows(document, "call_rcu") == report["swaps"]["done"], arrows(document, "call_rcu"), report["swaps"])


@case
def never_after_reclaim():
    """no NMI that ran a handler began after that handler's reclaim had"""
    for seconds in (1, 4, 16):  # a busy machine handles fewer
        document, _ = traced("--duration", f"{seconds}s", "--rate", "5k", "--swap-interval", "1ms", "--handler", "slow:20us",
                             "--trace-limit", "1M")
        found, looked_at = timeline.used_after_reclaim(document)
        expect(not found, looked_at, found[:3])
        if looked_at > 100:
            return
    expect(looked_at > 0, "nothing was reclaimed")


@case
def newest_kept():
    """of a run longer than the limit the newest records are kept, the others counted, and a note says so"""
    document, report = traced("--duration", "2s", "--rate", "20k", "--swap-interval", "1ms", "--trace-limit", "2000")
    no_problems(document)
    other = document["otherData"]
    expect(other["lost"] > 0 and 1800 <= other["records"] <= 2000, other)
    for what in ("records", "lost"):
        expect(sum(row[what] for row in other["rows"]) == other[what], other)
    kept = len(timeline.slices(document, "NMI"))
    expect(0 < kept < report["nmis"]["handled"], kept)
    last = max(e["ts"] for e in timeline.slices(document, "NMI"))
    expect(last > report["elapsed_ns"] / 1000 * 0.9, last, report["elapsed_ns"])
    expect(any(r["code"] == "trace-limit" for r in report["remarks"]), report["remarks"])


@case
def one_cut_off():
    """what a limited timeline shows of one thread it shows of each: no swap is missing between the first and the last"""
    document, _ = traced("--duration", "2s", "--rate", "20k", "--swap-interval", "1ms", "--trace-limit", "2000")
    oldest_end = min(e["ts"] + e.get("dur", 0) for e in document["traceEvents"] if e["ph"] in "Xi")
    generations = [e["args"]["generation"] for e in timeline.slices(document, "swap")
                   if e["ts"] + e["dur"] >= oldest_end]
    expect(generations == list(range(generations[0], generations[0] + len(generations))), generations)
    # A handler that an NMI of the timeline ran was published in the timeline, unless that was before the cut-off.
    seen = {e["args"]["generation"] for e in timeline.slices(document, "NMI")}
    published = {e["args"]["generation"] for e in timeline.slices(document, "publish")}
    expect(seen - published <= {min(seen), min(seen) + 1}, sorted(seen - published), min(seen))


@case
def violations():
    """a violation stands in the row of its vCPU, at the time that the report names"""
    document, report = traced("--fault", "no-grace-period", code=3)
    no_problems(document)
    marks = timeline.instants(document, "violation: grace-period")
    first = timeline.instants(document, "first violation: grace-period")
    failure = next(c for c in report["checks"] if c["id"] == "grace-period")["first_failure"]
    expect(marks and len(first) == 1, len(marks), first)
    expect(abs(first[0]["ts"] / 1e6 - failure["at_s"]) < 1e-6, first, failure)
    name = next(e["args"]["name"] for e in document["traceEvents"]
                if e["ph"] == "M" and e["name"] == "thread_name" and e["tid"] == first[0]["tid"])
    expect(name.startswith(f"vCPU {failure['cpu']}"), name, failure)
    failed = [e for e in timeline.slices(document, "NMI") if e["args"].get("failed") == "grace-period"]
    expect(failed and all(e["args"]["age"] == 2 for e in failed), failed)


@case
def full_disk():
    """a full device is an error, as for every file"""
    done = looked(lambda: subprocess.run([options.program, "-q", "--duration", "100ms", "--trace", "/dev/full"], text=True,
                                         capture_output=True, timeout=60, check=False))
    expect(done.returncode == 1 and "cannot write /dev/full: No space left" in done.stderr, done)


@case
def rules_can_fail():
    """the rules see an overlap, a lost end, a wrong order, an arrow into nothing and a use after the reclaim"""
    document, _ = traced("--duration", "300ms", "--rate", "2k")
    no_problems(document)

    def spoilt(spoil):
        copied = copy.deepcopy(document)
        spoil(copied, timeline.slices(copied, "NMI"), timeline.slices(copied, "swap"))
        return copied

    def first(copied, phase):
        return next(e for e in copied["traceEvents"] if e["ph"] == phase)

    spoils = [
        lambda d, nmis, swaps: nmis[0].update(dur=nmis[1]["ts"] - nmis[0]["ts"] + 0.001),
        lambda d, nmis, swaps: swaps[0].update(dur=0.001),
        lambda d, nmis, swaps: nmis[0].pop("dur"),
        lambda d, nmis, swaps: nmis[5].update(ts=nmis[5]["ts"] + 1e6),
        lambda d, nmis, swaps: d["traceEvents"].remove(first(d, "f")),
        lambda d, nmis, swaps: first(d, "s").update(tid=10),
        lambda d, nmis, swaps: first(d, "M").update(ts=0),
        lambda d, nmis, swaps: first(d, "i" if timeline.instants(d, "") else "X").update(ts=-1),
    ]
    for number, spoil in enumerate(spoils):
        expect(timeline.problems_of(spoilt(spoil)), f"nothing seen of number {number}")
    late = spoilt(lambda d, nmis, swaps: nmis[-1]["args"].update(generation=1))
    expect(timeline.used_after_reclaim(late)[0], "nothing seen of an NMI with a reclaimed handler")


tap.run(CASES)
