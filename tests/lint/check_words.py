#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No path of somebody's machine in the tree: nothing under /work, /home, /root; nothing in /tmp but mkstemp templates."""
import re

import lint

MACHINE_PATH = re.compile(r"(?<![\w.}$])/(?:work|home|root)/[\w.$]|(?<![\w.}$])/tmp/(?![\w.-]*XXXXXX)[\w.$]")
# `tests/lint` spells out what it looks for.
FOLDERS = ["include", "src", "tests", "tools", "docs", ".ci", ".github"]


def check(arguments, findings):
    root = arguments.root
    tree = lint.files(root, FOLDERS, suffixes=None) + sorted(p for p in root.iterdir() if p.is_file() and p.name != ".git")
    looked_at = 0
    for path in tree:
        where = path.relative_to(root)
        if where.parts[:2] == ("tests", "lint"):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        looked_at += 1
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                findings.append(f"{where}:{number}: a path of one machine: {line.strip()[:100]}")
    return looked_at


lint.main(check, __doc__)
