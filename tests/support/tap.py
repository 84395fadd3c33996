# SPDX-License-Identifier: MIT
"""Test Anything Protocol, so that Meson shows each case by its name."""
import sys


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def run(cases):
    """cases: (name, function) pairs; a function that raises has failed. Exits."""
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, function) in enumerate(cases, 1):
        try:
            function()
            print(f"ok {number} - {name}")
        except Skipped as why:
            print(f"ok {number} - {name} # SKIP {why}")
        except Exception as problem:  # a case that breaks has failed like one that disagrees
            failed += 1
            print(f"not ok {number} - {name}")
            for line in f"{type(problem).__name__}: {problem}".splitlines():
                print(f"# {line}", file=sys.stderr)  # Meson shows this stream of a test that failed
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
