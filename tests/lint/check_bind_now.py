#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every executable binds its symbols at start-up: the first call of a function must not enter the loader from an NMI."""
import json
import pathlib
import re
import subprocess

import lint

LAZY_ON_PURPOSE = {
    "explore_audit_test",  # its subject: the purity audit must see lazy binding
    "exec-fixture", "exec-fixture-stripped",  # programs as others build them
    "exec-profiled", "exec-profiled-leaf",
    "exec-fixture-static", "exec-fixture-static-stripped", "exec-profiled-static",  # nothing to bind
}


def check(arguments, findings):
    programs = list(arguments.programs)
    if arguments.build:
        for target in json.loads((arguments.build / "meson-info" / "intro-targets.json").read_text()):
            if target["type"] == "executable" and not target["name"].startswith("lint_") \
                    and target["name"] not in LAZY_ON_PURPOSE:
                programs += [path for path in map(pathlib.Path, target["filename"]) if path.exists()]
    for program in programs:
        dynamic = subprocess.run(["readelf", "--dynamic", "--wide", str(program)], capture_output=True, text=True, check=True)
        if not re.search(r"\(FLAGS\).*\bBIND_NOW\b|\(FLAGS_1\).*\bNOW\b", dynamic.stdout):
            findings.append(f"{program.name}: binds lazily; in its meson.build: link_args: bind_now")
    return len(programs)


def arguments_of(parser):
    parser.add_argument("programs", nargs="*", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, help="a built Meson build folder: all its executables")


lint.main(check, __doc__, arguments_of)
