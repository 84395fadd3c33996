#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reproducer of docs/findings/liburcu-bp-exit-deadlock.md still shows what that text says."""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
options = parser.parse_args()


def deadlocks():
    done = subprocess.run([options.program], text=True, timeout=60, capture_output=True, check=False)
    if (done.returncode, done.stdout) == (0, "no deadlock\n"):
        raise tap.Skipped("this liburcu-bp is mended: say so in docs/findings/liburcu-bp-exit-deadlock.md")
    assert done.returncode == 1, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert done.stdout.startswith("deadlock:"), done.stdout


tap.run([("the handler waits for the lock of the thread that it interrupted", deadlocks)])
