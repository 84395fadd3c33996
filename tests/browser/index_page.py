#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/stress/page.py and `nmi-sim page`: one page over the reports of many runs. The reports are real in form, their
runs made up."""
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
parser.add_argument("--index", type=os.path.abspath, required=True)
options = parser.parse_args()
CASES = []
FLAVORS = subprocess.run([options.program, "list", "--names", "flavors"], capture_output=True, text=True, check=True).stdout.split()


def case(function):
    CASES.append((function.__doc__, function))
    return function


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {str(seen)[:1500]}")


def add(folder, name, *arguments, fake_run="pass", verdict=None, **reported):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    subprocess.run([options.fake, "-q", "--seed", "1", "-o", file, *arguments], capture_output=True, timeout=60, check=False,
                   env={**os.environ, "FAKE_RUN": fake_run})
    if reported:
        file.write_text(json.dumps({**json.loads(file.read_text()), **reported}))
    if verdict:
        (folder / f"{name}.result").write_text(f"{verdict}\t2s\t19980 NMIs, 100 swaps\n")


def index(folder, code=0):
    done = subprocess.run([sys.executable, options.index, folder], capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == code, done)
    if code != 0:
        return done.stderr
    subprocess.run([options.program, "page", "-", "--output", folder / "index.html"], input=done.stdout, text=True, timeout=60, check=True)
    return (folder / "index.html").read_text()


def results(folder, runs=1):
    for run in range(runs):
        for flavor in FLAVORS:
            add(folder / f"run-{run}", f"{flavor}-defaults", "--flavor", flavor, started=f"2026-01-0{run + 1}T00:00:00Z", verdict="ok")
    last = folder / f"run-{runs - 1}"
    add(last, "BUSTED-no-grace-period", "--fault", "no-grace-period", fake_run="fail", verdict="ok")
    (last / "memb-defaults.log").write_text("x")


def summarise(run, verdict):
    """As nmi-stress leaves a results folder."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings").write_text("seed=1\n")
    (run / "summary").write_text(f"ok    a\n{verdict}: 1 passed\n" if verdict else "ok    a\n")


def verdict_of(text):
    title, = re.findall(r"<title>nmi-stress: (\w+)</title>", text)
    expect(f">{title}</span>" in text and (title == "PASS") == ('class="verdict pass"' in text), title)
    return title


def in_folder(function):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-index-") as folder:
        return function(pathlib.Path(folder))


@case
def whole():
    """each scenario has its row, each flavor its points and its line from run to run, each file its link"""
    def body(folder):
        results(folder, runs=2)
        text = index(folder)
        expect(f"{len(FLAVORS)} scenarios held, 1 faults caught, 0 failed" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
        expect(verdict_of(text) == "PASS", verdict_of(text))
        expect(text.count('<td class="left ok"') == len(FLAVORS) + 1, text.count("<tr>"))
        for flavor in FLAVORS:
            expect(text.count(f'<circle class="{flavor}"') == 8, flavor, text.count(f'<circle class="{flavor}"'))
            expect(text.count(f'<path class="trend {flavor}"') == 4, flavor)
        expect('href="run-1/memb-defaults.log"' in text and "caught by grace-period" in text, "links")
        expect('BUSTED-no-grace-period, ' not in text, "a fault among the trends of correct code")
    in_folder(body)


@case
def columns():
    """no column of the table is cut, on a desktop and on a phone, and thousands are grouped as in the reports"""
    if browser.find() is None:
        raise tap.Skipped("no browser: apt-get install chromium")

    def body(folder):
        add(folder / "run-0", "memb-percpu-array-chain-8-nesting-latched-hotplug", verdict="ok",
            nmis=dict(handled=1234567, handled_per_s=123456.7), swaps=dict(done=7654321, done_per_s=76543.2))
        add(folder / "run-0", "mb-x", "--flavor", "mb", fake_run="fail")
        for name in ("html", "log", "conf", "trace.json"):
            (folder / "run-0" / f"mb-x.{name}").write_text("x")
        text = index(folder)
        expect(">1 234 567</td>" in text and ">7 654 321</td>" in text, re.findall(r"<td.*?</td>", text))
        wide = text.replace("</style>", "td { min-width: 300px !important; }</style>")
        *right, cut = browser.look_at((text, 1200), (text, 390), (wide, 1200))
        for measured in right:
            expect(measured.get("cut") == 0 and not measured["prose"] and measured["over"] <= 0, measured)
        expect(cut["cut"] > 0, "the measure sees nothing")
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
            expect(word in rows[1] and ">FAIL<" in rows[1], rows)
        in_folder(body)


@case
def without_a_report():
    """the newest run is the newest also where no scenario left a report, and where none ended"""
    for spoil, word, text in ((lambda run: (run / "a.result").write_text("CRASHED: signal SEGV\t1s\t\n"), "FAIL", "CRASHED: signal SEGV"),
                              (lambda run: (run / "a.result").write_text("skipped: no kernel\t1s\t\n"), "FAIL", "skipped: no kernel"),
                              (lambda run: summarise(run, ""), "INCOMPLETE", "0 scenarios held"),
                              (lambda run: summarise(run, "INTERRUPTED"), "INTERRUPTED", "0 scenarios held")):
        def body(folder):
            results(folder)
            (folder / "run-1").mkdir()
            spoil(folder / "run-1")
            page = index(folder)
            expect(verdict_of(page) == word and text in page, word, re.search(r"<h1>.*?</h1>", page, re.S).group())
        in_folder(body)


@case
def caught_without_a_report():
    """a fault that ThreadSanitizer caught left no report, and is no failure"""
    def body(folder):
        results(folder)
        (folder / "run-0/BUSTED-x.result").write_text("ok\t1s\tcaught by ThreadSanitizer: data race\n")
        text = index(folder)
        expect(verdict_of(text) == "PASS" and "2 faults caught, 0 failed" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
    in_folder(body)


@case
def verdict_of_the_run():
    """the verdict is that of nmi-stress, INCOMPLETE where it did not come to one, and never PASS beside a failure"""
    for told, word in (("PASS", "PASS"), ("FAIL", "FAIL"), ("INCOMPLETE", "INCOMPLETE"), ("INTERRUPTED", "INTERRUPTED"), ("", "INCOMPLETE")):
        def body(folder):
            results(folder)
            summarise(folder / "run-0", told)
            text = index(folder)
            expect(verdict_of(text) == word, told, word, verdict_of(text))
        in_folder(body)

    def contradicted(folder):
        results(folder)
        add(folder / "run-0", "mb-x", fake_run="fail")
        summarise(folder / "run-0", "PASS")
        expect(verdict_of(index(folder)) == "FAIL", "PASS with a failure")
    in_folder(contradicted)


@case
def stopped():
    """a report of a run that was stopped is no pass, though no check failed until then"""
    def body(folder):
        results(folder)
        add(folder / "run-0", "mb-x", "--flavor", "mb", complete=False, stop_reason="signal", stop_signal="SIGTERM")
        text = index(folder)
        expect(verdict_of(text) == "INCOMPLETE" and "0 skipped, 1 not over" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
        row = re.search(r"<tr>(?:(?!</tr>).)*>mb-x<.*?</tr>", text).group()
        expect(">open<" in row and "not over: SIGTERM" in row, row)
    in_folder(body)


@case
def soak():
    """the rounds of a soak are one run: what failed in an early one fails it; each is a point in the trends"""
    def body(folder):
        run = folder / "20260101-000000"
        for number in (1, 2, 10):
            add(run / f"round-{number}", "a", started=f"2026-01-01T00:00:{number:02}Z", verdict="ok")
            add(run / f"round-{number}", "b", started=f"2026-01-01T00:00:{number:02}Z", verdict="HUNG" if number == 1 else "ok")
        summarise(run, "FAIL")
        text = index(folder)
        expect(verdict_of(text) == "FAIL" and "5 scenarios held, 0 faults caught, 1 failed" in text, re.search(r"<h1>.*?</h1>", text, re.S).group())
        rows = re.findall(r"<tr>(<td.*?)</tr>", text, re.S)
        expect(len(rows) == 3 and "HUNG" in rows[0] and "round-1/b.json" in rows[0] and "round-10/a.json" in rows[1], rows)
        expect("3 runs here" in text and text.count('<circle class="memb"') == 24, text.count("<circle"))
        summarise(run, "PASS")
        expect(verdict_of(index(folder)) == "FAIL", "a failure in an early round is one")
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
        text = index(folder)
        for seen in browser.look_at((text, 1200), (text, 390)):
            expect(seen["ids"] == ["verdict", "trends", "scenarios"] and not seen["console"] and not seen["flat"] and seen["cut"] == 0
                   and seen["over"] <= 0 and seen["least"] >= 8 and len(seen["charts"]) == 4, seen)
    in_folder(body)


tap.run(CASES)
