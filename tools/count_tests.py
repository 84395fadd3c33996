#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up Meson's result files: `count_tests.py NAME=BUILD/meson-logs/testlog.json ...`.

Says why each skipped test was skipped (the last line it wrote) and which failed; the last line is
`tests: N passed, N failed, N skipped`. A timeout or an error is a failure, and so is a file that is not there: that
build made no tests. Exits 1 on any failure, or when no test passed.
"""
import json
import pathlib
import sys

PASSED, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}

passed = failed = skipped = 0
for argument in sys.argv[1:]:
    stage, _, path = argument.partition("=")
    try:
        lines = pathlib.Path(path).read_text().splitlines()
    except FileNotFoundError:
        print(f"failed: {stage}: no test results")
        failed += 1
        continue
    for test in map(json.loads, lines):
        if test["result"] in PASSED:
            passed += 1
        elif test["result"] in SKIPPED:
            skipped += 1
            words = (test.get("stdout", "") + "\n" + test.get("stderr", "")).split("\n")
            reason = next((line.strip() for line in reversed(words) if line.strip()), "it did not say why")
            print(f"skipped: {stage}: {test['name']}: {reason}")
        else:
            failed += 1
            print(f"failed: {stage}: {test['name']}: {test['result'].lower()}")
print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
sys.exit(0 if failed == 0 and passed > 0 else 1)
