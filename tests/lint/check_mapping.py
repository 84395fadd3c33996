#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/kernel-mapping.md is true: each row of "Every mechanism" has a verdict, and what it cites exists.
In docs/mutations.md each mutation has a test that exists.

The verdict begins with faithful, approximate, impossible or `not built`. A file in parentheses is one of src/,
include/nmisim or docs. Tests are cited as  file: "beginning of a test's name", "another"  with the file's stem
without _test, also what say() of a program of its own tells; faults, windows and lint checks as  fault `name`,  explore `name`,  lint name.
"""
import ast
import re

import lint

VERDICTS = ("faithful", "approximate", "impossible", "not built")
FILE = re.compile(r"\(((?:[\w./]+\.(?:[ch]pp|py))(?:, [\w./]+\.[ch]pp)*)\)")
TEST = re.compile(r'\b(\w+): ((?:"[^"]+"(?:, )?)+)')
NAMED = {"fault": ("src/faults/fault.cpp", r'\.name = "%s"'), "explore": ("src/explore/windows/windows.cpp", r'window_info\{"%s"')}


def test_names(root):
    names = {}
    for path in lint.files(root, ["tests"], [".cpp"]):
        if path.stem.endswith("_test"):
            found = re.findall(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', path.read_text())
            names.setdefault(path.stem.removesuffix("_test"), []).extend(
                "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) for text in found)
    for path in lint.files(root, ["tests"], [".hpp"]):  # what a program of its own says when it does not hold
        if found := re.findall(r'\bsay\([^;]*?"([^"]+)"\)', path.read_text()):
            names.setdefault(path.stem, []).extend(found)
    for path in lint.files(root, ["tests"], [".spec"]):
        names.setdefault(path.stem, []).extend(re.findall(r"^NAME (.*)", path.read_text(), re.M))
    for path in lint.files(root, ["tests"], [".py"]):
        if "tap.run(" in (text := path.read_text()):
            names.setdefault(path.stem.removesuffix("_test"), []).extend(
                node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return names


def rows(text, section=None):
    inside = section is None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## ") and section:
            inside = line == "## " + section
        cells = [c.strip() for c in line.strip("|").split("|")]
        if inside and line.startswith("|") and cells[0] not in ("mechanism", "rule (kernel's name)") and set(line) - set("|-: "):
            yield number, cells


def missing_tests(tests, known):
    for stem, quoted in TEST.findall(tests):
        for start in re.findall(r'"([^"]+)"', quoted):
            start = start.removesuffix("...").strip()
            if not any(n.startswith(start) for n in known.get(stem, [])):
                yield f"no such test: {stem}: \"{start}\""


def check(arguments, findings):
    root, looked_at = arguments.root, 0
    page = root / "docs/kernel-mapping.md"
    known = test_names(root)
    for number, cells in rows(page.read_text(), "Every mechanism, one by one"):
        looked_at += 1
        at = f"docs/kernel-mapping.md:{number}"
        if len(cells) != 4:
            findings.append(f"{at}: not four cells")
            continue
        _, here, verdict, tests = cells
        if not verdict.startswith(VERDICTS):
            findings.append(f"{at}: no verdict: {verdict}")
        for group in FILE.findall(here):
            for name in group.split(", "):
                if not any((root / folder / name).is_file() for folder in ("src", "include/nmisim", "docs", ".")):
                    findings.append(f"{at}: no such file: {name}")
        findings.extend(f"{at}: {missing}" for missing in missing_tests(tests, known))
        for kind, (source, pattern) in NAMED.items():
            for name in re.findall(rf"\b{kind} `([^`]+)`", tests):
                if not re.search(pattern % re.escape(name), (root / source).read_text()):
                    findings.append(f"{at}: no such {kind}: {name}")
        for name in re.findall(r"\blint (\w+)", tests):
            if not (root / f"tests/lint/check_{name}.py").is_file():
                findings.append(f"{at}: no such lint: {name}")
        if tests in ("", "—") and verdict.startswith(("faithful", "approximate")):
            findings.append(f"{at}: {verdict.split()[0]}, and no test")
    for number, cells in rows((root / "docs/mutations.md").read_text()):
        looked_at += 1
        at = f"docs/mutations.md:{number}"
        if len(cells) != 3:
            findings.append(f"{at}: not three cells")
            continue
        _, mutation, tests = cells
        if mutation and not TEST.search(tests):
            findings.append(f"{at}: a mutation, and no test")
        findings.extend(f"{at}: {missing}" for missing in missing_tests(tests, known))
    return looked_at


lint.main(check, __doc__)
