#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""quickstart.sh, test.sh and bench.sh, copied to a tree where Meson and ninja only note what is asked of them."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--tools", type=pathlib.Path, required=True)
options = parser.parse_args()
scratch = tempfile.TemporaryDirectory(prefix="nmi-sim-tools-")
STUBS = {
    "meson": '[[ $1 != --version ]] || { echo 1.0; return; }\n[[ $1 != setup ]] || { mkdir -p "${@: -2:1}" && touch "${@: -2:1}/build.ninja"; }',
    "ninja": 'mkdir -p "$2/src/cli" && printf \'#!/bin/bash\\necho "in $PWD: $*"\\n\' >"$2/src/cli/nmi-sim" && chmod +x "$2/src/cli/nmi-sim"',
}


class Tree:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
        self.asked = self.root / "asked"
        shutil.copytree(options.tools, self.root / "tools")
        # Exported functions: test.sh puts /usr/bin first in PATH.
        self.functions = {f"BASH_FUNC_{name}%%": f'() {{ echo "{name} $*" >>"{self.asked}"\n{does}\n}}' for name, does in STUBS.items()}

    def run(self, *words, cwd=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **env):
        return subprocess.run([str(w) for w in words], cwd=cwd or self.root, stdout=stdout, stderr=stderr, text=True, timeout=100,
                              check=False, env=os.environ | self.functions | env)


def cannot_be_told():
    for script, words in (("quickstart.sh", ["--help"]), ("test.sh", ["--help"]), ("bench.sh", ["--help"]),
                          ("test.sh", ["--frob"]), ("bench.sh", ["--frob"]), ("bench.sh", ["--out"])):
        t = Tree()
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = t.run(f"tools/{script}", "--no-install", *words, stdout=full, stderr=subprocess.PIPE if words == ["--help"] else full)
        assert done.returncode == (2 if words != ["--help"] else 1) and not t.asked.exists(), (script, words, done)


tap.run([
    ("help and mistakes that cannot be printed start nothing", cannot_be_told),
])
