# SPDX-License-Identifier: MIT
"""What the lint checks share: the files to look at, C++ without its comments, and the verdict.

A check is `run(root, findings)`-shaped: it appends one line per finding, `path:line: what is wrong`. main()
prints them and exits 1 on any, 77 (Meson: skipped) with a reason when a tool is missing, and fails when it
looked at nothing: a check that saw no file has checked nothing.
"""
import argparse
import pathlib
import re
import sys

CPP = (".hpp", ".cpp", ".h", ".c")
SKIPPED_FOLDERS = {".git", "__pycache__", "subprojects"}


class Skip(Exception):
    """What the check needs is not on this system."""


def files(root, folders=("include", "src"), suffixes=CPP):
    """Paths below `folders` with one of `suffixes` (None: any), sorted. Build folders and fixtures are left out."""
    found = []
    for folder in folders:
        for path in (root / folder).rglob("*"):
            parts = path.relative_to(root).parts
            if SKIPPED_FOLDERS & set(parts) or parts[0].startswith("build") or parts[:3] == ("tests", "lint", "fixtures"):
                continue
            if path.is_file() and (suffixes is None or path.suffix in suffixes):
                found.append(path)
    return sorted(set(found))


TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""",
    re.S)


def code_only(text):
    """`text` with comments, string and character literals blanked; every line and column stays where it was."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def main(check, describe, add_arguments=None):
    """`check(arguments, findings)` returns how many things it looked at."""
    parser = argparse.ArgumentParser(description=describe)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2],
                        help="the tree to check (default: this one)")
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    arguments.root = arguments.root.resolve()
    findings = []
    try:
        looked_at = check(arguments, findings)
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    for finding in findings:
        print(finding)
    print(f"looked at {looked_at}, {len(findings)} finding{'' if len(findings) == 1 else 's'}")
    sys.exit(1 if findings or looked_at == 0 else 0)
