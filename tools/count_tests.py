#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up Meson's result files: `count_tests.py NAME=BUILD/meson-logs/testlog.json ...`.

Prints why each skipped test was skipped (the last line it wrote), what a passed one left out and why, and which failed;
the last line is `tests: N passed, N failed, N skipped`. A timeout or an error is a failure. So are missing tests: a file
that does not exist or is empty, a suite of --expect without a test in the file, an exit status of `meson test` (--status)
that no test in the file explains. Exits 1 on any failure, or if no test passed.

A test says that it left a part out by a TAP line `ok N - NAME # SKIP WHY`, or by a line that is indented and begins
with `skipped: ` (Catch2's WARN("skipped: WHY")).
"""
import argparse
import json
import pathlib
import re

PASSED, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}
TAP_SKIP = re.compile(r"^ok \d+ - (.*?) # SKIP\s*(.*)$", re.M)
WARN_SKIP = re.compile(r"^[ \t]+skipped: (.*(?:\n[ \t]+(?!skipped: )\S.*)*)", re.M)  # Catch2 breaks long lines


def output_of(test):
    return test.get("stdout", "") + "\n" + test.get("stderr", "")


def reason_of(test):
    words = output_of(test).split("\n")
    return next((line.strip() for line in reversed(words) if line.strip()), "it did not say why")


def parts_left_out(test):
    """Each once: a Catch2 test case says it for each of its generated inputs."""
    parts = [f"{name}: {why or 'it did not say why'}" for name, why in TAP_SKIP.findall(output_of(test))]
    parts += [" ".join(why.split()) for why in WARN_SKIP.findall(output_of(test))]
    return list(dict.fromkeys(parts))


def named(argument):
    name, _, value = argument.partition("=")
    return name, value


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("results", nargs="+", type=named, metavar="NAME=FILE")
parser.add_argument("--expect", action="append", default=[], type=named, metavar="NAME=SUITE,SUITE",
                    help="suites that have at least one test in the file")
parser.add_argument("--status", action="append", default=[], type=named, metavar="NAME=N", help="what `meson test` exited with")
options = parser.parse_intermixed_args()  # each stage has its options behind its file
expected, statuses = dict(options.expect), dict(options.status)

passed = failed = skipped = 0
for stage, path in options.results:
    failed_before, suites = failed, set()

    def failure(what):
        global failed
        failed += 1
        print(f"failed: {stage}: {what}")

    file = pathlib.Path(path)
    tests = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    if not tests:
        failure("no test results" if not file.exists() else "its file of results is empty")
        continue
    for test in tests:
        # PROJECT:SUITE+SUITE / NAME
        suites.update(re.sub(r"^.*?:", "", test["name"].partition(" / ")[0]).split("+"))
        if test["result"] in PASSED:
            passed += 1
            for part in parts_left_out(test):
                print(f"skipped in part: {stage}: {test['name']}: {part}")
        elif test["result"] in SKIPPED:
            skipped += 1
            print(f"skipped: {stage}: {test['name']}: {reason_of(test)}")
        else:
            failure(f"{test['name']}: {test['result'].lower()}")
    for suite in expected.get(stage, "").split(","):
        if suite and suite not in suites:
            failure(f"suite {suite}: none of its tests is there; is a package missing? (tools/packages.sh)")
    if statuses.get(stage, "0") != "0" and failed == failed_before:
        failure(f"meson test exited with {statuses[stage]}, and no test had failed")
print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
raise SystemExit(0 if failed == 0 and passed > 0 else 1)
