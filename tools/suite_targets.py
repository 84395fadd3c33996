#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names what ninja has to build for the tests of some suites: `suite_targets.py BUILD SUITE...`."""
import json
import pathlib
import sys

build, suites = pathlib.Path(sys.argv[1]).resolve(), set(sys.argv[2:])
told = {name: json.loads((build / f"meson-info/intro-{name}.json").read_text()) for name in ("tests", "targets")}
files = {target["id"]: target["filename"] for target in told["targets"]}
wanted = {file for test in told["tests"] if suites & {suite.partition(":")[2] for suite in test["suite"]}
          for target in test["depends"] for file in files[target]}
for file in sorted(wanted):
    print(pathlib.Path(file).relative_to(build))
