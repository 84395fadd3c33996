#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shellcheck finds nothing in the shell scripts: files that end in .sh or begin with a sh or bash `#!`."""
import re
import shutil
import subprocess

import lint


def is_shell(path):
    if path.suffix == ".sh":
        return True
    with path.open("rb") as file:
        return re.match(rb"#!.*\b(?:ba|da)?sh\b", file.readline()) is not None


def check(arguments, findings):
    if not shutil.which("shellcheck"):
        raise lint.Skip("no shellcheck here (apt-get install shellcheck)")
    scripts = [p for p in lint.files(arguments.root, ["tools", "tests", ".ci"], suffixes=None) if is_shell(p)]
    for path in scripts:
        run = subprocess.run(["shellcheck", "--external-sources", f"--source-path={path.parent}", "--format=gcc", path.name],
                             cwd=path.parent, capture_output=True, text=True)
        findings += [f"{path.parent.relative_to(arguments.root)}/{line}" for line in (run.stdout + run.stderr).splitlines()]
    return len(scripts)


lint.main(check, __doc__)
