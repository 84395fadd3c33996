#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/count_tests.py, which tools/test.sh calls last: what it counts, what it prints, and that no test gets lost."""
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import tap

scratch = tempfile.TemporaryDirectory(prefix="count-tests-")
GOOD = {"name": "nmi-sim:unit / values", "result": "OK"}


def counted(tests, *options):
    """Exit code, lines before the last, last line; `tests`: results, or None for no file."""
    file = pathlib.Path(scratch.name) / "log.json"
    file.unlink(missing_ok=True)
    if tests is not None:
        file.write_text("".join(json.dumps(test) + "\n" for test in tests))
    done = subprocess.run([sys.executable, ROOT / "tools" / "count_tests.py", f"gcc={file}", *options], capture_output=True,
                          text=True, check=False)
    assert not done.stderr, done.stderr
    *lines, last = done.stdout.splitlines()
    return done.returncode, lines, last


def expect(tests, code, lines, last, *options):
    def case():
        found = counted(tests, *options)
        assert found == (code, lines, last), found
    return case


def in_part(stdout, *reasons):
    return expect([GOOD | {"stdout": stdout}], 0, [f"skipped in part: gcc: nmi-sim:unit / values: {reason}" for reason in reasons],
                  "tests: 1 passed, 0 failed, 0 skipped")


tap.run([
    ("a passed test is counted", expect([GOOD], 0, [], "tests: 1 passed, 0 failed, 0 skipped")),
    ("a failed test and one that timed out are named",
     expect([GOOD, {"name": "a", "result": "FAIL"}, {"name": "b", "result": "TIMEOUT"}], 1,
            ["failed: gcc: a: fail", "failed: gcc: b: timeout"], "tests: 1 passed, 2 failed, 0 skipped")),
    ("a skipped test says why",
     expect([GOOD, {"name": "a", "result": "SKIP", "stdout": "looks\nskipped: no jq\n\n"}], 0, ["skipped: gcc: a: skipped: no jq"],
            "tests: 1 passed, 0 failed, 1 skipped")),
    ("nothing but skipped tests has not passed",
     expect([{"name": "a", "result": "SKIP"}], 1, ["skipped: gcc: a: it did not say why"], "tests: 0 passed, 0 failed, 1 skipped")),
    ("a TAP test that left a case out says which and why",
     in_part("1..2\nok 1 - one\nok 2 - two # SKIP no jsonschema\n", "two: no jsonschema")),
    ("a Catch2 test that left a part out says why, once, in one line",
     in_part("x_test.cpp:9: warning:\n  skipped: perf events are not allowed in\n  here\n\n" * 2 + "All tests passed\n",
             "perf events are not allowed in here")),
    ("two parts that follow each other are told apart", in_part("  skipped: no memory of others\n  skipped: no vDSO\nFilters: ~a*\n",
                                                               "no memory of others", "no vDSO")),
    ("a missing file is a failure", expect(None, 1, ["failed: gcc: no test results"], "tests: 0 passed, 1 failed, 0 skipped")),
    ("an empty file is a failure",
     expect([], 1, ["failed: gcc: its file of results is empty"], "tests: 0 passed, 1 failed, 0 skipped")),
    ("a suite without a test is a failure",
     expect([GOOD, {"name": "nmi-sim:lint+slow / size", "result": "OK"}], 1,
            ["failed: gcc: suite race: none of its tests is there; is a package missing? (tools/packages.sh)"],
            "tests: 2 passed, 1 failed, 0 skipped", "--expect", "gcc=unit,race,lint,slow")),
    ("a suite whose tests were skipped is there",
     expect([GOOD, {"name": "nmi-sim:browser / page", "result": "SKIP", "stdout": "none"}], 0,
            ["skipped: gcc: nmi-sim:browser / page: none"], "tests: 1 passed, 0 failed, 1 skipped", "--expect", "gcc=unit,browser")),
    ("meson's own failure is counted where no test has failed",
     expect([GOOD], 1, ["failed: gcc: meson test exited with 2, and no test had failed"], "tests: 1 passed, 1 failed, 0 skipped",
            "--status", "gcc=2")),
    ("and not twice where one has",
     expect([GOOD, {"name": "a", "result": "FAIL"}], 1, ["failed: gcc: a: fail"], "tests: 1 passed, 1 failed, 0 skipped",
            "--status", "gcc=1")),
    ("a stage's options stand before the next stage's file",
     expect([GOOD], 1, ["failed: tsan: no test results"], "tests: 1 passed, 1 failed, 0 skipped",
            "--expect", "gcc=unit", "--status", "gcc=0", "tsan=nowhere.json", "--status", "tsan=0")),
    ("meson's success changes nothing", expect([GOOD], 0, [], "tests: 1 passed, 0 failed, 0 skipped", "--status", "gcc=0")),
])
