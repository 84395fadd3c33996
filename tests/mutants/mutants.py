#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks the rules of mutants.toml one by one, and looks whether the test that is named turns red.

It works on a copy of the tree, in build-mutants (--folder), so nothing is left behind in this one. First each of the tests
must be green there. Then, for each mutant: its text is changed, its test is built and run, and the text is put back. A mutant
whose text is not there, or that does not build, is an error; a test that does not end within its time counts as red, and is
told apart.

    tests/mutants/mutants.py                    all: about half an hour of a processor
    tests/mutants/mutants.py --only srcu        those with this word in file, rule or test
    tests/mutants/mutants.py --from 40          from the fortieth on, as after an interruption
    tests/mutants/mutants.py --list
    tests/mutants/mutants.py --check            only whether each text and each test is there

Exit code: 0 each was red; 1 not.
"""
import argparse
import ast
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path(__file__).resolve().with_name("mutants.toml")
EXEC_FIXTURES = {"--fixture": "exec-fixture", "--static": "exec-fixture-static", "--stripped": "exec-fixture-stripped",
                 "--static-stripped": "exec-fixture-static-stripped"}


class Wrong(Exception):
    """The table does not fit the tree, or the mutant cannot be built."""


def ended(command, limit_s, **how):
    """Exit code and output; None as code where it did not end in time."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL, start_new_session=True, errors="replace", **how)
    try:
        out, _ = process.communicate(timeout=limit_s)
        return process.returncode, out
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own session
        out, _ = process.communicate()
        return None, out


class Copy:
    """The tree's files in a folder, and their build."""

    def __init__(self, folder):
        self.tree, self.build = folder / "tree", folder / "build"

    def refresh(self):
        """As in the working tree now, without touching what is the same."""
        names = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            here, there = SOURCE / name, self.tree / name
            if not here.is_file():
                continue
            if not there.exists() or here.read_bytes() != there.read_bytes():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, there)
        if not (self.build / "build.ninja").exists():
            compiler = {"CXX": "ccache g++"} if shutil.which("ccache") and "CXX" not in os.environ else {}
            code, out = ended(["meson", "setup", self.build, self.tree, "-Dbenchmarks=disabled"], 300, env=os.environ | compiler)
            if code != 0:
                sys.exit(out)

    def make(self, targets, limit_s):
        code, out = ended(["ninja", "-C", self.build, "--quiet", *targets], limit_s)
        if code != 0:
            raise Wrong("does not build:\n" + "\n".join(out.splitlines()[-15:]))


class Test:
    """One that mutations.md could cite:  file: "beginning of its name"."""

    def __init__(self, mutant):
        cited = re.fullmatch(r'(\w+): "(.*?)"?', mutant["test"])
        if not cited:
            raise Wrong(f"no test is cited: {mutant['test']}")
        self.stem, self.start = cited.groups()
        self.cited = mutant["test"]
        found = [p for suffix in ("cpp", "py") for p in SOURCE.glob(f"tests/*/{self.stem}_test.{suffix}")]
        if not found and "build" in mutant:  # a program of its own, which says what does not hold
            found = list(SOURCE.glob(f"tests/*/*/{self.stem}.hpp"))
        if len(found) > 1:
            found = [p for p in found if self.start in p.read_text()]
        if len(found) != 1:
            raise Wrong(f"no file of that name, or several: {self.stem}_test")
        self.file = found[0].relative_to(SOURCE)
        self.target = mutant.get("build", str(self.file.with_suffix("")))

    def targets(self):
        if self.file.suffix != ".py":
            return [self.target]
        return ["src/cli/nmi-sim", *(f"tests/exec/{fixture}" for fixture in EXEC_FIXTURES.values())]

    def command(self, copy):
        if self.file.suffix == ".hpp":
            return [copy.build / self.target]
        if self.file.suffix == ".cpp":
            name = re.sub(r"([,\[\]\\])", r"\\\1", self.start)
            return [copy.build / self.target, name + "*", "--warn", "NoTests"]
        functions = [node.name for node in ast.parse((SOURCE / self.file).read_text()).body
                     if isinstance(node, ast.FunctionDef) and (ast.get_docstring(node) or "").startswith(self.start)]
        if len(functions) != 1:
            raise Wrong(f"no case begins so, or several: {self.cited}")
        words = [sys.executable, copy.tree / self.file, "--program", copy.build / "src/cli/nmi-sim", "--schema",
                 copy.tree / "docs/nmi-sim-exec-1.schema.json", "--only", functions[0]]
        for option, fixture in EXEC_FIXTURES.items():
            words += [option, copy.build / "tests/exec" / fixture]
        return words


def changed(tree, mutant):
    """The files' text before and after; each piece stands there once."""
    texts = {}
    for name, before, after in [(mutant["file"], mutant["before"], mutant["after"]), *mutant.get("also", [])]:
        text = texts.get(name, ((tree / name).read_text(),) * 2)[1]
        if text.count(before) != 1:
            raise Wrong(f"{name}: this text stands there {text.count(before)} times, not once:\n{before}")
        texts[name] = (texts.get(name, (text, text))[0], text.replace(before, after))
    return texts


def try_one(copy, mutant, options):
    test = Test(mutant)
    texts = changed(copy.tree, mutant)
    try:
        for name, (_, after) in texts.items():
            (copy.tree / name).write_text(after)
        copy.make(test.targets(), options.build_limit)
        code, _ = ended(test.command(copy), options.limit, cwd=copy.build)
    finally:
        for name, (before, _) in texts.items():
            (copy.tree / name).write_text(before)
    return "hangs" if code is None else "green" if code in (0, 77) else "red"


def all_green(copy, mutants, options):
    tests = {}
    for mutant in mutants:
        test = Test(mutant)
        tests[test.cited] = test
    copy.make(sorted({target for test in tests.values() for target in test.targets()}), 100 * options.build_limit)
    for test in tests.values():
        code, out = ended(test.command(copy), options.limit, cwd=copy.build)
        if code != 0:
            raise Wrong(f"not green without a mutant: {test.cited}: exit code {code}\n" + "\n".join(out.splitlines()[-15:]))
    print(f"{len(tests)} tests are green without a mutant", flush=True)


def check(chosen, tree):
    """How many mutants do not fit the tree."""
    wrong = 0
    for n, mutant in chosen:
        try:
            test = Test(mutant)
            if test.start not in (tree / test.file).read_text():
                raise Wrong(f"no case begins so: {test.cited}")
            changed(tree, mutant)
        except (Wrong, OSError) as why:
            wrong += 1
            print(f"{n:3}  {mutant['file']}: {mutant['rule']}\n     {why}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="N")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=SOURCE / "build-mutants")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for a test (default: %(default)s)")
    parser.add_argument("--build-limit", type=float, default=900, metavar="SECONDS", help="for a build (default: %(default)s)")
    options = parser.parse_args()
    table = list(enumerate(tomllib.loads(TABLE.read_text())["mutant"], 1))
    chosen = [(n, m) for n, m in table if n >= options.first and options.only in f"{m['file']} {m['rule']} {m['test']}"]
    if options.list:
        for n, m in chosen:
            print(f"{n:3}  {m['file']}: {m['rule']}\n     {m['test']}")
        return 0
    if options.check:
        return 1 if check(chosen, SOURCE) != 0 or not chosen else 0
    copy = Copy(options.folder.resolve())
    copy.refresh()
    score = dict.fromkeys(("red", "hangs", "green", "error"), 0)
    try:
        all_green(copy, [m for _, m in chosen], options)
    except Wrong as why:
        sys.exit(str(why))
    for n, mutant in chosen:
        begin, why = time.monotonic(), ""
        try:
            result = try_one(copy, mutant, options)
        except Wrong as wrong:
            result, why = "error", f"\n{wrong}"
        score[result] += 1
        print(f"{n:3}  {result:5}  {time.monotonic() - begin:5.1f} s  {mutant['file']}: {mutant['rule']}  [{mutant['test']}]{why}", flush=True)
    print(f"mutants: {len(chosen)} tried: " + ", ".join(f"{number} {what}" for what, number in score.items()))
    return 0 if chosen and score["green"] == score["error"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
