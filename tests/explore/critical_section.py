#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The read-side critical section of do_nmi, measured by `nmi-sim explore`, against what `objdump -d` says.

The exploration knows nothing of the code: it pauses the reader at each instruction and sees whether a grace period
ends. The disassembly knows nothing of time: along do_nmi's straight path, urcu's lock and unlock are the two stores
to the reader's thread-local counter (%fs). The section begins after the first and ends with the second.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import explorer
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
options = parser.parse_args()

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t(.*?)\s*$")
STORE_TO_OWN_COUNTER = re.compile(r"^mov\w*\s+%\w+,%fs:")


def explore(*arguments):
    done = explorer.explore(options.program, "--window", "do_nmi-map", "--json", *arguments)
    return json.loads(done.stdout)["reports"][0]


def measured(flavor):
    """The first and the last boundary that hold a grace period back, as addresses in the file."""
    report = explore("--flavor", flavor)
    section, reader = report["critical_section"], report["reader"]
    assert section["contiguous"], "a section with holes"
    return [reader[section[end]] for end in ("first", "last")]


def straight_path(symbol, inside):
    """(address, text) of each instruction of the instance of `symbol` around `inside`, from its entry to its ret."""
    listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", options.program], text=True,
                             capture_output=True, check=True).stdout
    for part in listing.split("\n\n"):
        head, _, body = part.partition("\n")
        if symbol not in head:
            continue
        found = [INSTRUCTION.match(line) for line in body.splitlines()]
        path = [(int(m[1], 16), m[2]) for m in found if m]
        if path and path[0][0] <= inside <= path[-1][0]:
            end = next(i for i, (_, text) in enumerate(path) if text.startswith("ret"))
            return path[:end + 1]
    raise AssertionError(f"objdump does not list {symbol}")


def disassembled(symbol, inside):
    path = straight_path(symbol, inside)
    stores = [i for i, (_, text) in enumerate(path) if STORE_TO_OWN_COUNTER.match(text)]
    assert len(stores) == 2, f"lock and unlock expected, found {[path[i] for i in stores]}"
    return [path[stores[0] + 1], path[stores[1]]]


def agree(flavor):
    if os.uname().machine != "x86_64":
        raise tap.Skipped("reads x86-64 disassembly")
    ends = measured(flavor)
    if any("::read_" in seen["symbol"] for seen in ends):
        raise tap.Skipped("this compiler calls the reader's functions: do_nmi alone does not show the section")
    for seen in ends:
        assert "do_nmi<" in seen["symbol"], f"the section's end is not in do_nmi: {seen}"
    expected = disassembled(ends[0]["symbol"], ends[0]["object_offset"])
    for seen, (address, text) in zip(ends, expected):
        assert seen["object_offset"] == address, \
            f"measured {seen['object_offset']:#x} {seen['instruction']}, disassembled {address:#x} {text}"


def nothing_without_a_reader():
    report = explore("--fault", "no-read-lock")
    assert report["exit_code"] == 3, report["exit_code"]
    assert report["critical_section"]["first"] == -1, report["critical_section"]


tap.run([(f"flavor {f}: first and last instruction are those that objdump shows", lambda f=f: agree(f))
         for f in ("memb", "mb")] +
        [("fault no-read-lock: no instruction holds a grace period back", nothing_without_a_reader)])
