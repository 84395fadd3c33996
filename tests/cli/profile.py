#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--handler profile against a workload whose shares are known. A busy machine takes fewer samples, and fewer samples say
less. So the number of samples decides how near the profile must be, and the test waits for enough of them.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
from looked import looked

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake")
options = parser.parse_args()
ENOUGH = 2000


def report_of(seconds):
    done = looked(lambda: subprocess.run([options.program, "--handler", "profile", "--workload", "split", "--rate", "5k", "--duration",
                                          f"{seconds}s", "--json"], text=True, capture_output=True, timeout=200, check=False))
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr)
    return json.loads(done.stdout)


def near():
    for seconds in (2, 8, 32):
        report = report_of(seconds)
        profile = report["profile"]
        assert report["status"] == "pass" and profile["lost"] == 0, profile
        if profile["taken"] >= ENOUGH:
            break
    else:
        raise tap.Skipped(f"only {profile['taken']} samples in {seconds} s")
    assert profile["functions"][0]["object"] == "nmi-sim" and profile["split"][0]["function"] == "nmisim::work_60", profile
    for part in profile["split"]:
        # Samples that come in one turn of the scheduler are not independent: three points beside what chance does.
        spread = 5 * math.sqrt(part["measured"] * (1 - part["measured"]) / profile["taken"])
        assert abs(part["sampled"] - part["measured"]) <= 0.03 + spread, (part, profile["taken"])


tap.run([("a profile of the split workload is as near as its samples allow", near)])
