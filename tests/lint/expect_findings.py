#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests a check: `expect_findings.py EXPECTED CHECK [ARGUMENTS]` runs it on a fixture that is wrong on purpose.

EXPECTED holds a part of one finding per line. The check must exit 1 and print exactly these findings: one more is a
false alarm, one less is a miss. With a line `# at least` more are allowed (a compiler may add some of its own).
"""
import pathlib
import subprocess
import sys

lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
expected = [line for line in lines if line and not line.startswith("#")]
exactly = "# at least" not in lines
run = subprocess.run([sys.executable, *sys.argv[2:]] if sys.argv[2].endswith(".py") else sys.argv[2:],
                     capture_output=True, text=True)
print(run.stdout + run.stderr, end="")
if run.returncode == 77:
    sys.exit(77)
found = [line for line in run.stdout.splitlines() if not line.startswith(("looked at", "note:", "objects:"))]
missed = [line for line in expected if not any(line in f for f in found)]
wolf = [f for f in found if not any(line in f for line in expected)] if exactly else []
for line in missed:
    print(f"blind to: {line}")
for line in wolf:
    print(f"cries wolf: {line}")
sys.exit(0 if run.returncode == 1 and expected and not missed and not wolf else 1)
