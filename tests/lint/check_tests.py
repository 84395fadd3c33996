#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A test that is not run protects nothing: each tests/**/*_test.cpp, *.spec and *.py is named in the meson.build of
its suite.

By its file name or by its stem, with or without `_test` or `check_` (as tables do). A Python file may be imported by
another one instead, or be named by a script in tools or a meson.build in docs. Given a build folder, what Meson built
from a C++ file must also be run by one of Meson's tests; a file left out because an optional library is missing is let through.
"""
import json
import pathlib
import re

import lint


def quoted_words(text):
    return set(re.findall(r"'([^']*)'", re.sub(r"#[^\n]*", "", text)))


def used_otherwise(root):
    """Stems of the Python files that others import, or that scripts in tools or the documents' tests name."""
    found = set()
    for path in lint.files(root, ["tests"], [".py"]):
        found |= set(re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.M))
    for path in lint.files(root, ["tools"], [".sh"]) + lint.files(root, ["docs"], [".build"]):
        found |= set(re.findall(r"\btests/[\w/]*?(\w+)\.py\b", path.read_text()))
    return found


def never_run(build):
    """Sources of executables that no test of the build folder runs."""
    info = build / "meson-info"
    commands = {word for test in json.loads((info / "intro-tests.json").read_text()) for word in test["cmd"]}
    for target in json.loads((info / "intro-targets.json").read_text()):
        if target["type"] == "executable" and not commands & set(target["filename"]):
            for group in target["target_sources"]:
                yield from (pathlib.Path(source) for source in group.get("sources", []))


def check(arguments, findings):
    root = arguments.root
    sources = [p for p in lint.files(root, ["tests"], [".cpp"]) if p.stem.endswith("_test")]
    scripts, used = lint.files(root, ["tests"], [".py", ".spec"]), used_otherwise(root)
    for path in sources + [p for p in scripts if p.suffix != ".py" or p.stem not in used]:
        where = path.relative_to(root)
        suite = root / "tests" / where.parts[1] / "meson.build"
        tables = [m for m in (path.parent / "meson.build", suite) if m.exists()]
        words = {word for table in tables for word in quoted_words(table.read_text())}
        names = {path.name, path.stem, path.stem.removesuffix("_test"), path.stem.removeprefix("check_"), str(where.relative_to(*where.parts[:2]))}
        if not names & words:
            findings.append(f"{where}: not named in {(tables or [suite])[0].relative_to(root)}: it is never {'built' if path.suffix == '.cpp' else 'run'}")
    if arguments.build:
        built = {p.resolve() for p in never_run(arguments.build)}
        findings += [f"{p.relative_to(root)}: built, but no Meson test runs it" for p in sources if p in built]
    return len(sources) + len(scripts) + len(list((root / "tests").glob("*/meson.build")))


def arguments_of(parser):
    parser.add_argument("--build", type=pathlib.Path, help="a configured Meson build folder")


lint.main(check, __doc__, arguments_of)
