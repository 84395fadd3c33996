#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/support/looked.py: which runs of nmi-sim are made again, and how often."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
from looked import looked

NOTHING = "FAIL 6 checks (looked at nothing): nmi-sim --seed 1\n"
FAILED = "FAIL grace-period: first at 0.1s on vCPU 0\n"


def done(code, stdout):
    return subprocess.CompletedProcess([], code, stdout, "")


def of_checks(*statuses):
    return json.dumps({"status": "fail", "checks": [{"id": "a check", "status": status} for status in statuses]})


def runs_of(*outcomes):
    """How often it ran, and what was taken."""
    left = list(outcomes)
    taken = looked(lambda: left.pop(0))
    return len(outcomes) - len(left), taken


def is_made_again():
    for nothing in (NOTHING, of_checks("pass", "nothing-seen")):
        for after in (done(0, ""), done(3, FAILED), done(1, ""), done(3, of_checks("fail"))):
            assert runs_of(done(3, nothing), after, done(0, "")) == (2, after), (nothing, after)


def four_at_most():
    last = done(3, NOTHING)
    assert runs_of(*[done(3, NOTHING)] * 3, last, done(0, "")) == (4, last)


def decides():
    for one in (done(0, ""), done(1, NOTHING), done(3, FAILED), done(3, NOTHING + FAILED), done(3, of_checks("fail")),
                done(3, of_checks("fail", "nothing-seen")), done(3, of_checks("pass")), done(3, ""), done(3, "[]"), done(-11, NOTHING)):
        assert runs_of(one, done(0, ""))[0] == 1, one


tap.run([("a run that looked at nothing is made again, and the next decides", is_made_again),
         ("after four runs the last one decides", four_at_most),
         ("a run that passed, failed, crashed or could not run decides at once", decides)])
