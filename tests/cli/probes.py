#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The USDT probes that the executable says it has, as `readelf --notes` lists them."""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--fake", required=True)
parser.add_argument("--sdt", choices=["true", "false"], required=True, help="whether the build has them")
options = parser.parse_args()
ARGUMENTS = {"nmi_entry": 2, "nmi_exit": 2, "publish": 1, "grace_period_begin": 1, "grace_period_end": 1, "reclaim": 1}


def probes():
    if options.sdt == "false":
        raise tap.Skipped("built without <sys/sdt.h>: apt-get install systemtap-sdt-dev")
    if shutil.which("readelf") is None:
        raise tap.Skipped("no readelf")
    notes = subprocess.run(["readelf", "--notes", "--wide", options.program], capture_output=True, text=True, check=True).stdout
    found = {}
    for name, arguments in re.findall(r"Provider: nmisim\s+Name: (\w+)\s+Location:[^\n]*\n\s+Arguments: ?([^\n]*)", notes):
        # "-4@40(%rbp) 8@%rax": an argument is a size and a place
        found.setdefault(name, set()).add(len(re.findall(r"-?\d+@", arguments)))
    if found != {name: {count} for name, count in ARGUMENTS.items()}:
        raise AssertionError(f"found {found}, expected {ARGUMENTS}")


tap.run([("the program has the documented probes, with their arguments", probes)])
