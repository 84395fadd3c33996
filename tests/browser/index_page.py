#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/stress_index.py: one page over the reports of many runs. The reports are real in form, their runs made up."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import browser
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake", type=os.path.abspath, required=True)
parser.add_argument("--index", type=os.path.abspath, required=True)
options = parser.parse_args()
CASES = []


def case(function):
    CASES.append((function.__doc__, function))
    return function


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {str(seen)[:1500]}")


def add(folder, name, *arguments, fake_run="pass", started=None, verdict=None):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    subprocess.run([options.fake, "-q", "--seed", "1", "-o", file, *arguments], capture_output=True, timeout=60, check=False,
                   env={**os.environ, "FAKE_RUN": fake_run})
    if started:
        file.write_text(json.dumps({**json.loads(file.read_text()), "started": started}))
    if verdict:
        (folder / f"{name}.result").write_text(f"{verdict}\t2s\t19980 NMIs, 100 swaps\n")


def index(folder, code=0):
    done = subprocess.run([sys.executable, options.index, folder], capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == code, done)
    return (folder / "index.html").read_text() if code == 0 else done.stderr


def results(folder, runs=1):
    for run in range(runs):
        for flavor in ("memb", "mb", "bp", "qsbr"):
            add(folder / f"run-{run}", f"{flavor}-defaults", "--flavor", flavor, started=f"2026-01-0{run + 1}T00:00:00Z", verdict="ok")
    last = folder / f"run-{runs - 1}"
    add(last, "BUSTED-no-grace-period", "--fault", "no-grace-period", fake_run="fail", verdict="ok")
    (last / "memb-defaults.log").write_text("x")


def in_folder(function):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-index-") as folder:
        return function(pathlib.Path(folder))


@case
def whole():
    """each scenario has its row, each flavor its points and its line from run to run, each file its link"""
    def body(folder):
        results(folder, runs=2)
        text = index(folder)
        expect("4 scenarios held, 1 faults caught, 0 failed" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
        expect(text.count('<td class="left ok">ok</td>') == 5, text.count("<tr>"))
        for flavor in ("memb", "mb", "bp", "qsbr"):
            expect(text.count(f'<circle class="{flavor}"') == 8, flavor, text.count(f'<circle class="{flavor}"'))
            expect(text.count(f'<path class="trend {flavor}"') == 4, flavor)
        expect('href="run-1/memb-defaults.log"' in text and "caught by grace-period" in text, "links")
        expect('BUSTED-no-grace-period, ' not in text, "a fault among the trends of correct code")
    in_folder(body)


@case
def failures():
    """what failed, was not caught, or left no report makes the page red, and stands first"""
    for spoil, word in ((lambda f: add(f / "run-0", "mb-x", "--flavor", "mb", fake_run="fail"), "status fail, expected pass"),
                        (lambda f: add(f / "run-0", "BUSTED-x", "--fault", "leak-pointer"), "status pass, expected fail"),
                        (lambda f: add(f / "run-0", "mb-y", verdict="checked nothing: reclaim"), "checked nothing: reclaim"),
                        (lambda f: (f / "run-0" / "gone.result").write_text("HUNG: not over after 66s; killed\t70s\t\n"), "HUNG: not over")):
        def body(folder):
            results(folder)
            spoil(folder)
            text = index(folder)
            expect('class="verdict fail"' in text and "1 failed" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
            rows = re.findall(r"<tr>.*?</tr>", text, re.S)
            expect(word in rows[1] and ">FAIL<" in rows[1], rows[1])
        in_folder(body)


@case
def nothing():
    """a folder without a report, or with other JSON only, is an error"""
    def body(folder):
        (folder / "other.json").write_text('{"schema": "else"}')
        (folder / "broken.json").write_text("{")
        expect("no report of nmi-sim" in index(folder, code=1), "no message")
        expect(not (folder / "index.html").exists(), "a page about nothing")
    in_folder(body)


@case
def in_a_browser():
    """on a desktop and on a phone nothing is cut off, and the page makes no error"""
    if browser.find() is None:
        raise tap.Skipped("no browser: apt-get install chromium")

    def body(folder):
        results(folder, runs=2)
        for width in (1200, 390):
            seen = browser.look_at(index(folder), width=width)
            expect(seen["ids"] == ["verdict", "trends", "scenarios"] and not seen["console"] and not seen["flat"]
                   and seen["over"] <= 0 and seen["least"] >= 8 and len(seen["charts"]) == 4, width, seen)
    in_folder(body)


tap.run(CASES)
