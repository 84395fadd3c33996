#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A comment or document that names a file of this tree names one that exists.

Looked at: comments of C++ files, all lines of README files and of docs. `name.hpp` alone is any file of that name;
with folders it is a path whose end is given, from src, include or the root.
"""
import re

import lint

NAME = re.compile(r"(?<![\w<{*/.-])(?:\.\./)*((?:[\w-]+/)*\w+\.[ch]pp)\b")


def comments(text):
    """Each comment of C++ `text` with its line."""
    for match in lint.TOKEN.finditer(text):
        if match.group().startswith(("//", "/*")):
            yield lint.line_of(text, match.start()), match.group()


def check(arguments, findings):
    root = arguments.root
    there = ["/" + p.relative_to(root).as_posix() for p in lint.files(root, ["include", "src", "tests", "docs", "tools"])]
    looked_at = 0
    for path in lint.files(root, ["include", "src", "tests"]):
        looked_at += 1
        for line, text in comments(path.read_text()):
            look(path.relative_to(root), line, text, there, findings)
    for path in [root / "README.md", root / "src/README.md", *lint.files(root, ["docs"], (".md",))]:
        if path.exists():
            looked_at += 1
            for line, text in enumerate(path.read_text().splitlines(), 1):
                look(path.relative_to(root), line, text, there, findings)
    return looked_at


def look(where, line, text, there, findings):
    for match in NAME.finditer(text):
        name = match.group(1)
        if not any(path.endswith("/" + name) for path in there):
            findings.append(f"{where}:{line + text.count(chr(10), 0, match.start())}: names {name}, which is not there")


lint.main(check, __doc__)
