#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the cases of the exec tests N times, and says of each how often it held: repeat_exec.py N BUILD [TEST]...

`repeat_exec.py 20 build` runs every test; `repeat_exec.py 20 build storm calls` those alone. Exit code: 1 if a case ever failed.
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "exec"
ALL = ("storm", "control", "calls", "audit", "function", "forks", "options", "classifier", "kills")


def arguments(build):
    fixtures = {name: build / "tests" / "exec" / f"exec-fixture{end}" for name, end in
                (("fixture", ""), ("static", "-static"), ("stripped", "-stripped"), ("static-stripped", "-static-stripped"))}
    words = ["--program", build / "src" / "cli" / "nmi-sim", "--schema", ROOT / "docs" / "nmi-sim-exec-1.schema.json"]
    for name, path in fixtures.items():
        words += [f"--{name}", path]
    return [str(word) for word in words]


def main():
    times, build, tests = int(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:] or ALL
    held, failed, skipped = collections.Counter(), collections.Counter(), set()
    for number in range(times):
        for test in tests:
            done = subprocess.run([sys.executable, TESTS / f"{test}_test.py", *arguments(build)], capture_output=True, text=True, check=False)
            for verdict, name in re.findall(r"^(ok|not ok) \d+ - (.*)$", done.stdout, re.M):
                if " # SKIP" in name:
                    skipped.add(f"{test}: {name}")
                else:
                    (held if verdict == "ok" else failed)[f"{test}: {name}"] += 1
            if done.returncode not in (0, 1):
                failed[f"{test}: exit code {done.returncode}"] += 1
            if done.stderr:
                print(done.stderr, file=sys.stderr, flush=True)
        print(f"round {number + 1} of {times}: {sum(failed.values())} failures", file=sys.stderr, flush=True)
    for name in sorted(held.keys() | failed.keys()):
        print(f"{held[name]:>4} of {held[name] + failed[name]}  {name}")
    for name in sorted(skipped):
        print(f"skipped     {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
