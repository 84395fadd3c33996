#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--report: the page in a real browser, on a desktop and on a phone, light and dark.

    report_page.py --program nmi-sim --fake nmi-sim-fake [--screenshots FOLDER]
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import browser
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake", type=os.path.abspath, required=True)
parser.add_argument("--screenshots", type=pathlib.Path, help="write pictures there too, for somebody to look at")
options = parser.parse_args()
CASES = []
SECTIONS = ["verdict", "nmis", "time", "vcpus", "latency", "swaps", "swap-timeline", "checks", "run", "result"]
PHONE = 390
DESKTOP = 1200


def case(function):
    def with_a_browser():
        if browser.find() is None:
            raise tap.Skipped("no browser: apt-get install chromium")
        function()
    CASES.append((function.__doc__, with_a_browser))
    return function


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {str(seen)[:1500]}")


PAGES = {}


def page_of(*arguments, code=0):
    if arguments not in PAGES:
        with tempfile.TemporaryDirectory(prefix="nmi-sim-report-") as folder:
            file = pathlib.Path(folder) / "report.html"
            done = subprocess.run([options.program, "-q", "--seed", "1", "--report", file, *arguments], text=True,
                                  capture_output=True, timeout=100, check=False)
            expect(done.returncode == code, done)
            PAGES[arguments] = file.read_text()
    return PAGES[arguments]


def passing():
    return page_of("--duration", "1500ms", "--rate", "5k", "--swap-interval", "2ms", "--cpus", "2")


def failing():
    return page_of("--fault", "no-grace-period", code=3)


def faults_of(measured, width):
    """What is wrong with a page, by the measures."""
    faults = [f"console: {line}" for line in measured["console"]]
    faults += [f"no section {name}" for name in SECTIONS if name not in measured.get("ids", [])]
    if measured.get("wide", 0) > width:
        faults.append(f"the screen is {measured['wide']} wide, not {width}")
    if measured.get("over", 1) > 0:
        faults.append(f"{measured.get('over')} pixels wider than the screen")
    faults += [f"to be read only by scrolling sideways: {text}" for text in measured.get("prose", ["nothing measured"])]
    faults += [f"text beyond its chart: {text}" for text in measured.get("flat", [])]
    if measured.get("least", 0) < 8:
        faults.append(f"text of {measured.get('least')} pixels")
    faults += [f"chart {n} without hover text" for n, c in enumerate(measured.get("charts", [])) if c["hover"] == 0]
    if len(measured.get("charts", [])) != 9:
        faults.append(f"{len(measured.get('charts', []))} charts, not 9")
    return faults


def look_right(*pages, dark=False):
    measured = browser.look_at(*pages, dark=dark)
    for (_, width), one in zip(pages, measured, strict=True):
        faults = faults_of(one, width)
        expect(not faults, width, faults)
    return measured


@case
def screens():
    """every section and chart of a passing run is there, without an error of the page, as wide as the screen, also of a phone; dark for who prefers that"""
    text = passing()
    light, _ = look_right((text, DESKTOP), (text, PHONE))
    dark, = look_right((text, DESKTOP), dark=True)
    expect(dark["dark"] and not light["dark"] and dark["background"] != light["background"], dark["background"], light["background"])
    expect('class="verdict pass"' in text, text[:500])


@case
def failed_run():
    """a failing run shows what failed first, and the swap that it belongs to with the NMI in red"""
    text = failing()
    look_right((text, DESKTOP), (text, PHONE))
    expect('class="verdict fail"' in text and "<b>grace-period</b>, first at" in text, text[:3000])
    picture = text[text.index('id="swap-timeline"'):text.index('id="checks"')]
    expect("violates grace-period" in picture and "slice bad" in picture, picture[:2000])
    generation = int(re.search(r"ran generation (\d+) and violated", picture).group(1))
    expect(f"Generation {generation + 1} replaces {generation} " in picture, picture[:600])


@case
def odd_runs():
    """a run without swaps, one with call_rcu and one of 40 vCPUs have their pages too"""
    odd = (["--swap-interval", "never", "--duration", "300ms"],
           ["--reclaim", "call_rcu", "--duration", "300ms"],
           ["--cpus", "40", "--rate", "20", "--duration", "500ms", "--workload", "idle"])
    pages = []
    for arguments in odd:
        with tempfile.TemporaryDirectory(prefix="nmi-sim-report-") as folder:
            file = pathlib.Path(folder) / "report.html"
            subprocess.run([options.program, "-q", "--seed", "1", "--report", file, *arguments], capture_output=True,
                           timeout=100, check=False)
            pages.append((file.read_text(), PHONE))
    for arguments, measured in zip(odd, browser.look_at(*pages), strict=True):
        faults = [f for f in faults_of(measured, PHONE) if "charts, not" not in f and "hover" not in f]
        expect(not faults, arguments, faults)


@case
def self_contained():
    """the page asks nothing of the network, and holds the JSON report"""
    text = passing()
    outside = [m.group() for m in re.finditer(r'\b(?:src|href)="(?!data:)[^"]*"|url\([^)]*\)|@import[^;]*', text)]
    expect(not outside, outside)
    inside = re.search(r'<script type="application/json" id="result">(.*?)</script>', text, re.S).group(1)
    expect(json.loads(inside)["nmis"]["handled"] > 0, inside[:300])


@case
def measures_can_fail():
    """the measures see a script error, a missing section, a page that is too wide and text that is too small"""
    text = passing()
    measured, = browser.look_at((text.replace("</body>", "<script>null.x</script></body>"), DESKTOP))
    expect(any(f.startswith("console: ") for f in faults_of(measured, DESKTOP)), measured)
    spoils = {
        "no section latency": text.replace('id="latency"', 'id="other"'),
        "wider than the screen": text.replace("</body>", '<div style="width:1500px">x</div></body>'),
        "text of": text.replace("</style>", "svg .axis { font-size: 3px !important; }</style>"),
        "without hover text": text.replace("<title>", "<desc>").replace("</title>", "</desc>"),
        "scrolling sideways": text.replace("</style>", "#checks td { min-width: 500px; white-space: nowrap; }</style>"),
        "text beyond its chart": text.replace("</style>", "svg text { letter-spacing: 30px; }</style>"),
    }
    for name, measured in zip(spoils, browser.look_at(*[(spoilt, DESKTOP) for spoilt in spoils.values()]), strict=True):
        faults = faults_of(measured, DESKTOP)
        expect(any(name in f for f in faults), name, faults)


if options.screenshots and browser.find():
    options.screenshots.mkdir(parents=True, exist_ok=True)
    for name, text in (("pass", passing()), ("fail", failing())):
        browser.screenshot(text, options.screenshots / f"{name}-light.png", height=2600)
        browser.screenshot(text, options.screenshots / f"{name}-dark.png", height=2600, dark=True)
        browser.screenshot(text, options.screenshots / f"{name}-phone.png", width=PHONE, height=4600)
tap.run(CASES)
