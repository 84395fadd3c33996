#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format agrees with every C++ file. Version 14 (Debian 12's): others format differently. --fix formats."""
import re
import shutil
import subprocess

import lint

VERSION = "14"


def find_clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program and re.search(rf"version {VERSION}\.", subprocess.run([program, "--version"], capture_output=True,
                                                                         text=True).stdout):
            return program
    raise lint.Skip(f"no clang-format {VERSION} here (apt-get install clang-format)")


def check(arguments, findings):
    program = find_clang_format()
    # A .c file in docs is for the project whose bug it shows, in that one's style.
    sources = [str(p) for p in lint.files(arguments.root, ["include", "src", "tests", "tools"]) +
               lint.files(arguments.root, ["docs"], [".cpp", ".hpp"])]
    if arguments.fix:
        subprocess.run([program, "-i", *sources], check=True)
    elif sources:
        run = subprocess.run([program, "--dry-run", *sources], capture_output=True, text=True)
        first = dict(reversed(re.findall(r"^(.*?):(\d+):\d+: warning:", run.stderr, re.M)))
        findings += [f"{path.removeprefix(str(arguments.root) + '/')}:{line}: not formatted: tests/lint/check_format.py --fix"
                     for path, line in sorted(first.items())]
        if run.returncode:  # not about a source: the configuration itself
            findings.append(run.stderr.splitlines()[0])
    return len(sources)


lint.main(check, __doc__, lambda parser: parser.add_argument("--fix", action="store_true"))
