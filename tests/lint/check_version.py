#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One version: what names it says what meson.build says. docs/stability.md knows each exit code and each JSON schema.

Sonames, CMake requests and Debian's library packages carry MAJOR.MINOR. History (docs/CHANGELOG.md below its first
heading, docs/figures, the tables of docs/performance.md) keeps the version that it was of.
"""
import re

import lint

WHOLE = [  # each must name the version: file, what stands before it
    ("package/debian/changelog", r"\Anmi-sim \("),
    ("docs/CHANGELOG.md", r"\A.*?^## "),
    ("README.md", r"\bVersion "),
    ("docs/library.md", r"\blibnmisim\.so\.(?=\d+\.\d+\.)"),
]
# Wherever one of these stands, what follows is the version's beginning.
SHORT = re.compile(r"(?:\blibnmisim[\w-]*\.so\.|\bfind_package\(nmisim |\blibnmisim(?:-machine)?(?=\d))(\d+(?:\.\d+)*)")
SHORT_FILES = (".md", ".txt", ".in", ".hpp", ".h", ".build", ".scd", ".cpp", ".py", "control")


def check(arguments, findings):
    root, looked_at = arguments.root, 0
    told = re.search(r"^\s*version: '(\d+\.\d+\.\d+)'", (root / "meson.build").read_text(), re.M)
    if not told:
        findings.append("meson.build: no version")
        return 0
    version, short = told[1], told[1].rpartition(".")[0]
    for name, before in WHOLE:
        looked_at += 1
        found = re.search(before + r"(\d+\.\d+\.\d+)", (root / name).read_text(), re.M | re.S)
        if not found:
            findings.append(f"{name}: no version")
        elif found[1] != version:
            findings.append(f"{name}: {found[1]}, meson.build says {version}")
    for path in lint.files(root, ["docs", "package", "include"], None):
        where = path.relative_to(root).as_posix()
        if not where.endswith(SHORT_FILES) or where == "docs/CHANGELOG.md" or where.startswith("docs/figures/"):
            continue
        text = path.read_text()
        for match in SHORT.finditer(text):
            looked_at += 1
            if ".".join(match[1].split(".")[:2]) != short:
                findings.append(f"{where}:{lint.line_of(text, match.start())}: {match[0]}, meson.build says {short}")
    for path in lint.files(root, ["package/debian"], [".install"]):
        looked_at += 1
        if f"Package: {path.stem}\n" not in (root / "package/debian/control").read_text():
            findings.append(f"package/debian/{path.name}: no such package")
    stability = (root / "docs/stability.md").read_text()
    codes = re.findall(r'exit_code_info\{"(\d+)"', (root / "src/cli/exit_code.hpp").read_text())
    for code in codes:
        looked_at += 1
        if not re.search(rf"^\| (?:\d+, )*{code}\b.* \| ", stability, re.M):
            findings.append(f"docs/stability.md: exit code {code} is missing")
    for path in lint.files(root, ["docs"], [".json"]):
        looked_at += 1
        if path.name not in stability:
            findings.append(f"docs/stability.md: {path.name} is missing")
    return looked_at if codes else 0


lint.main(check, __doc__)
