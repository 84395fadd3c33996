#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy 14 finds nothing in the layers below the program, and each exclusion in .clang-tidy says why.

Looks at what the build folder's compile_commands.json holds of the given folders.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import lint

FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:error|warning): (.*)$", re.M)


def unexplained_exclusions(config):
    text = config.read_text()
    return [name for name in re.findall(r"[,'](-[a-z][\w.-]+)", text) if not re.search(rf"^# {re.escape(name)}: \w", text, re.M)]


def one_by_one(command):
    """A command for each file of a batch, which is a file of #include lines made by Meson."""
    made = pathlib.Path(command["directory"]) / command["file"]
    if not re.search(r"-unity\d+\.cpp$", made.name):
        return [command]
    files = re.findall(r'#include\s*[<"](.*?)[>"]', made.read_text())
    return [command | {"file": file, "command": command["command"].replace(command["file"], file)} for file in files]


def check(arguments, findings):
    root = arguments.root
    findings += [f".clang-tidy: {name} has no reason" for name in unexplained_exclusions(root / ".clang-tidy")]
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if not program or "version 14." not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
        raise lint.Skip("no clang-tidy 14 here (apt-get install clang-tidy)")
    commands = [one for c in json.loads((arguments.build / "compile_commands.json").read_text()) for one in one_by_one(c)]
    sources = sorted({str((pathlib.Path(c["directory"]) / c["file"]).resolve()) for c in commands})
    sources = [s for s in sources if any(s.startswith(f"{root}/{folder}/") for folder in arguments.folders)]

    plain = tempfile.TemporaryDirectory()
    (pathlib.Path(plain.name) / "compile_commands.json").write_text(json.dumps(commands))

    def tidy(source):
        # What only g++ understands is no finding.
        of_gcc = ("--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument")
        return subprocess.run([program, "-p", plain.name, "--quiet", *of_gcc, source], capture_output=True, text=True)

    found = set()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for source, run in zip(sources, pool.map(tidy, sources)):
            told = FINDING.findall(run.stdout)
            for path, line, text in told:
                where = os.path.relpath(os.path.realpath(arguments.build / path), root)
                found.add(f"{where}:{line}: {text.replace(',-warnings-as-errors', '')}")
            if run.returncode < 0 or (run.returncode > 0 and not told):  # a crash, or nothing that could be looked at
                why = next((line for line in (run.stdout + run.stderr).splitlines() if "error" in line.lower()), "no word why")
                found.add(f"{os.path.relpath(source, root)}: clang-tidy ended with {run.returncode}: {why}")
    findings += sorted(found)
    return len(sources)


def arguments_of(parser):
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a configured Meson build folder")
    parser.add_argument("folders", nargs="*", default=["src/base", "src/rcu", "src/nmi", "src/machine"])


lint.main(check, __doc__, arguments_of)
