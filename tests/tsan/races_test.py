#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nmi-sim built with ThreadSanitizer: what that reports of correct code, and of code that leaves an ingredient out.

A correct run must be silent *and* have done something; a fault must be reported at the accesses that race, whatever the
checks of the run itself say, because a report needs no unlucky moment: an access that nothing orders is enough.

ThreadSanitizer hands signals over at its own points, one of a kind at a time: queued ones and those that interrupt each
other get lost, so runs here are `--delivery latch` and without IRQs. RCU's orders are told to it (src/rcu/annotations_tsan), so a grace
period that liburcu ends too early is not seen.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True, help="nmi-sim, built with -Db_sanitize=thread")
options = parser.parse_args()
FLAVORS = ("memb", "mb", "bp", "qsbr", "nmi", "srcu")
REPORTED = 66  # ThreadSanitizer's exit code
SKIPPED = 77


def run(words, stop_at_first):
    # With a shorter history a report may lack the stack of the access that came first.
    tsan = f"halt_on_error={int(stop_at_first)}:exitcode={REPORTED}:history_size=7"
    environment = os.environ | {"TSAN_OPTIONS": tsan, "LC_ALL": "C"}
    return subprocess.run([options.program, *words.split(), "--json"], capture_output=True, text=True, timeout=100,
                          env=environment, stdin=subprocess.DEVNULL, check=False)


def silent(words, *nonzero):
    """No report, and each of the numbers is above 0."""
    def case():
        done = run(words, stop_at_first=False)
        if done.returncode == SKIPPED:
            raise tap.Skipped(done.stderr.strip().splitlines()[-1])
        assert "ThreadSanitizer" not in done.stderr and done.returncode == 0, (done.returncode, done.stderr[:6000])
        report = json.loads(done.stdout)
        for path in ("nmis.handled", *nonzero):
            value = report
            for key in path.split("."):
                value = value[key]
            assert value > 0, f"{path} is 0: {words} looked at nothing"
    return case


def reported(words, *functions):
    """A data race between accesses in each of the functions."""
    def case():
        done = run(words, stop_at_first=True)
        if done.returncode == SKIPPED:
            raise tap.Skipped(done.stderr.strip().splitlines()[-1])
        assert done.returncode == REPORTED, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        report = done.stderr[done.stderr.index("WARNING: ThreadSanitizer: data race"):]
        accesses = "".join(re.split(r"\n\n", report)[:2])  # the two stacks; then threads, locks, location
        for function in functions:
            assert function in accesses, f"nothing of {function}: {report[:6000]}"
    return case


def lost_nmis():
    """Queued ones get lost here: a run that does not drain, while its controller swaps on."""
    done = run("--delivery queue --cpus 2 --duration 1s", stop_at_first=False)
    if done.returncode == 0:
        raise tap.Skipped("none got lost")
    assert "ThreadSanitizer" not in done.stderr and done.returncode == 3, (done.returncode, done.stderr[:6000])
    failed = [check["id"] for check in json.loads(done.stdout)["checks"] if check["status"] == "fail"]
    assert failed == ["conservation", "progress"], failed


def stall():
    """The stall watch looks at a vCPU that is stuck in an NMI, and tells of it."""
    done = run("--fault stuck-handler --duration 2s", stop_at_first=False)
    assert "ThreadSanitizer" not in done.stderr and done.returncode == 3, (done.returncode, done.stderr[:6000])


swaps = ("swaps.done", "swaps.reclaimed")
cases = []
for flavor in FLAVORS:
    some = f"--flavor {flavor} --cpus 2 --duration 1s"
    cases += [
        (f"{flavor}: swaps under NMIs are ordered", silent(some, *swaps)),
        (f"{flavor}: reclaim by call_rcu is ordered, beside task-level readers",
         silent(f"{some} --reclaim call_rcu --workload read", *swaps)),
        (f"{flavor}: freeing without a grace period is reported",
         reported(f"{some} --fault no-grace-period", "element_pool::reclaim", "checked_handler.cpp")),
        (f"{flavor}: an NMI that is no reader is reported",
         reported(f"{some} --fault no-read-lock", "element_pool::reclaim", "checked_handler.cpp")),
    ]
tap.run(cases + [
    ("qsbr: NMIs on idle vCPUs are ordered", silent("--flavor qsbr --cpus 2 --duration 1s --workload idle", *swaps)),
    ("vCPUs that go offline and come back are ordered", silent("--cpus 3 --duration 1s --onoff-interval 5ms", *swaps)),
    ("a chain of handlers that come and go is ordered", silent("--cpus 2 --duration 1s --chain 3", *swaps)),
    ("a timeline is ordered", silent("--cpus 2 --duration 1s --trace /dev/null", *swaps)),
    ("a controller that a vCPU runs is ordered", silent("--controller vcpu --cpus 2 --duration 1s", *swaps)),
    ("a stuck vCPU is told of without a race", stall),
    ("a run that loses NMIs fails by its books, and ends", lost_nmis),
    ("publishing by a plain store is reported",
     reported("--fault plain-publish --cpus 4 --duration 1s", "plain_publish")),
    ("a handler used after nmi_exit is reported",
     reported("--fault leak-pointer --cpus 2 --duration 1s", "element_pool", "checked_handler.cpp")),
])
