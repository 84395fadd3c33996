#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/under_qemu.sh: what it leaves out is there to be left out, and is said."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import tap

SCRIPT = ROOT / "tools" / "under_qemu.sh"
LEFT_OUT = [line.split("|") for line in re.search(r"<<'END'\n(.*?)^END$", SCRIPT.read_text(), re.M | re.S)[1].splitlines()]
TEST_CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
scratch = tempfile.TemporaryDirectory(prefix="under-qemu-")
fake = pathlib.Path(scratch.name) / "qemu-aarch64"
fake.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
fake.chmod(0o755)


def names_in(program):
    folder, stem = ("explore", program.removeprefix("explore_")) if program.startswith("explore_") else ("*", program)
    files = [*ROOT.glob(f"tests/{folder}/{stem}.cpp"), *ROOT.glob(f"docs/examples/{stem}.cpp")]
    assert len(files) == 1, (program, files)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', name)) for name in TEST_CASE.findall(files[0].read_text())]


def each_is_there():
    assert len(LEFT_OUT) > 10, LEFT_OUT
    for program, start, why in LEFT_OUT:
        begins = [name for name in names_in(program) if name.startswith(start)]
        assert why and (len(begins) == 1 or not start), (program, start, begins)
        assert not set(start) & set("[]*\\\""), start  # the test framework reads these


def run(program):
    done = subprocess.run([SCRIPT, "/root-of-it", f"/somewhere/{program}", "-d", "yes"], capture_output=True, text=True, check=False,
                          env=os.environ | {"PATH": f"{scratch.name}:{os.environ['PATH']}"})
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def whole_program():
    assert run("explore_standstill_test") == (77, "skipped: /proc shows the system calls of qemu-user\n"), run("explore_standstill_test")


def one_of_its_tests():
    why = "qemu-user has no process_vm_readv(2)"
    expected = f"  skipped: of a stack that was taken in part...: {why}\n" \
               "<-L></root-of-it></somewhere/bounds_test><-d><yes><~of a stack that was taken in part*>"
    assert run("bounds_test") == (0, expected), run("bounds_test")


def nothing():
    assert run("another_bounds_test") == (0, "<-L></root-of-it></somewhere/another_bounds_test><-d><yes>"), run("another_bounds_test")


tap.run([
    ("each test that is left out is there, and is one", each_is_there),
    ("a program of which nothing can run is skipped with the reason", whole_program),
    ("one test of a program is left out with the reason", one_of_its_tests),
    ("a program of which nothing is left out runs as it is", nothing),
])
