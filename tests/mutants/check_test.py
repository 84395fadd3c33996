#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutants.py --check: which mutants do not fit a tree."""
import contextlib
import io
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import mutants
import tap

TEST = 'nesting: "flavor nmi: an NMI ends a section'
SOURCE = "int a = 1;\nint b = 1;\nint c = 1;\n"


def wrong(**other):
    """How many, of this one; and what is said of it."""
    mutant = {"rule": "a rule", "file": "a.cpp", "before": "a = 1", "after": "a = 2", "test": TEST, **other}
    with tempfile.TemporaryDirectory(prefix="nmi-sim-mutants-") as folder, contextlib.redirect_stdout(io.StringIO()) as said:
        tree = pathlib.Path(folder)
        (tree / "a.cpp").write_text(SOURCE)
        file = mutants.Test({"test": TEST}).file
        (tree / file).parent.mkdir(parents=True)
        (tree / file).write_text('TEST_CASE("flavor nmi: an NMI ends a section, and ...")')
        return mutants.check([(1, mutant)], tree), said.getvalue()


def case(expected, text, **other):
    # Here, not in the case: tap prints beside it, and what it says would be taken for the check's.
    count, said = wrong(**other)

    def looks():
        assert count == expected and text in said, (count, said)
    return looks


tap.run([
    ("a mutant that fits is nothing", case(0, "")),
    ("a text that is gone is told", case(1, "stands there 0 times", before="d = 1")),
    ("a text that stands twice is told", case(1, "stands there 3 times", before="= 1")),
    ("a second text that is gone is told", case(1, "stands there 0 times", also=[("a.cpp", "d = 1", "")])),
    ("a file that is gone is told", case(1, "b.cpp", file="b.cpp")),
    ("a test file that is gone is told", case(1, "no file of that name", test='no_such: "case"')),
    ("a case that is gone is told", case(1, "no case begins so", test='nesting: "no such case')),
])
