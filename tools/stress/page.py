#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Describes the page of stress runs: a table of the scenarios of the newest run, and trends per flavor.

    tools/stress/page.py FOLDER | nmi-sim page - --output FOLDER/index.html

FOLDER is a results folder of tools/nmi-stress, or the folder of all of them; the page belongs into it. It is made from
the files there: each NAME.result (verdict, time, figures; separated by tabs) and each NAME.json that is a report of
nmi-sim, with NAME.log, NAME.conf, NAME.html and NAME.repeat if they exist. The rounds of a soak are folders inside a
results folder, and count as one run. A run's verdict is that of its `summary`; a run without one did not end. Exit
status: 0; 1 if there is no report to show; 2 bad usage.
"""
import collections
import datetime
import itertools
import json
import pathlib
import re
import sys

COMPANIONS = [("html", "report"), ("log", "log"), ("conf", "config"), ("json", "JSON"), ("trace.json", "timeline")]
# Title, head of a column, unit, how to read it from a report; None: not measured.
METRICS = [
    ("NMIs handled per second", "NMIs/s", "/s", lambda r: r["nmis"]["handled_per_s"]),
    ("Swaps per second", "swaps/s", "/s", lambda r: r["swaps"]["done_per_s"]),
    ("Signal delivery p99", "delivery", "ns", lambda r: measured(r, "delivery", "p99")),
    ("Grace period p99", "grace period", "ns", lambda r: measured(r, "grace_period", "p99")),
]


def measured(report, what, which):
    found = report["latency_ns"][what]
    return found[which] if found["count"] else None


def report_in(path):
    """The report of nmi-sim that this file is, or None."""
    try:
        report = json.loads(path.read_text())
        return report if report["schema"] == "nmi-sim-result-1" else None
    except (ValueError, KeyError, TypeError, OSError):
        return None


class Scenario:
    """What lies there of one: `stem` is the path of its files without their suffixes. It may have left no report."""

    def __init__(self, stem, report):
        self.stem, self.report, self.name = stem, report, stem.name
        self.flavor, self.fault = (report["config"]["flavor"], report["config"]["fault"]) if report else ("", "")
        result = stem.with_name(f"{stem.name}.result")
        self.verdict = result.read_text().split("\t")[0].strip() if result.exists() else self.own_verdict()
        self.word = {"ok": "ok", "skipped": "skip", "not over": "open"}.get(self.verdict.split(":")[0], "FAIL")
        self.busted = self.fault != "none" if report else self.name.startswith("BUSTED-")

    def own_verdict(self):
        """Without nmi-stress's: a run with a fault is right when it fails, and one that was stopped has not passed."""
        wanted, status = "pass" if self.fault == "none" else "fail", self.report["status"]
        if status == "pass" and not self.report["complete"]:
            return f"not over: {self.report['stop_signal'] or self.report['stop_reason']}"
        return "ok" if status == wanted else f"status {status}, expected {wanted}"

    def row(self, folder):
        report, what = self.report, self.verdict if self.word != "ok" else ""
        if caught := [c["id"] for c in report["checks"] if c["status"] == "fail"] if report and not what else []:
            what = "caught by " + ", ".join(caught)
        figures = [report["nmis"]["handled"], report["swaps"]["done"], *(read(report) for *_, read in METRICS)] if report else [None] * 6
        files = [(self.stem.with_name(f"{self.name}.{suffix}"), name) for suffix, name in COMPANIONS]
        css = {"ok": "ok", "FAIL": "no"}.get(self.word, "skip")
        return [{"text": self.word, "css": css}, self.name, self.flavor, *("-" if report and f is None else f for f in figures), what,
                {"links": [(str(file.relative_to(folder)), name) for file, name in files if file.exists()]}]


class Run:
    """A results folder: its scenarios round by round, one round where it was no soak."""

    def __init__(self, folder):
        self.folder, self.rounds = folder, []

    def scenarios(self):
        return [s for one in self.rounds for s in one]

    def started(self):
        """Where no scenario left a report: when the folder was made."""
        made = self.folder / "settings"
        when = datetime.datetime.fromtimestamp((made if made.exists() else self.folder).stat().st_mtime, datetime.timezone.utc)
        return min((s.report["started"] for s in self.scenarios() if s.report), default=when.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def verdict(self):
        words = collections.Counter(s.word for s in self.scenarios())
        found = "FAIL" if words["FAIL"] or not words["ok"] else "INCOMPLETE" if words["open"] else "PASS"
        if not (self.folder / "settings").exists():
            return found  # no run of nmi-stress
        summary = self.folder / "summary"
        told = re.findall(r"^([A-Z]{4,}): ", summary.read_text(), re.M) if summary.exists() else []
        if not told:
            return "FAIL" if words["FAIL"] else "INCOMPLETE"
        return found if told[-1] == "PASS" else told[-1]


def collect(folder):
    """Runs in the order of time. Whatever is neither a report of nmi-sim nor a verdict of nmi-stress is left out."""
    reports = {path.with_suffix(""): report for path in folder.rglob("*.json") if (report := report_in(path))}
    stems = sorted({*reports, *(path.with_suffix("") for path in folder.rglob("*.result"))},
                   key=lambda stem: (stem.parent.parent, len(stem.parent.name), stem))  # round-10 after round-9
    runs = {made.parent: Run(made.parent) for made in folder.rglob("settings")}
    for place, group in itertools.groupby(stems, lambda stem: stem.parent):
        of_a_soak = place.name.startswith("round-") and (place.parent / "settings").exists()
        home = place.parent if of_a_soak else place
        runs.setdefault(home, Run(home)).rounds.append([Scenario(stem, reports.get(stem)) for stem in group])
    return sorted(runs.values(), key=Run.started)


def trend(title, unit, read, rounds):
    """Points are scenarios of correct code, over the rounds."""
    points = [(number, s, read(s.report)) for number, one in enumerate(rounds) for s in one if s.fault == "none"]
    points = [(number, s, value) for number, s, value in points if value]
    first, last = (s.report["started"][:16].replace("T", " ") for s in (points[0][1], points[-1][1])) if points else ("", "")
    return {"title": title, "unit": unit, "runs": len(rounds), "first": first, "last": last,
            "trend": [(number, s.flavor, value, f"{s.report['started']}, {s.name}, {s.flavor}") for number, s, value in points]}


def about(newest):
    """What stands first: how the newest run ended, and what was run."""
    scenarios, verdict = newest.scenarios(), newest.verdict()
    reports = [s.report for s in scenarios if s.report]
    words = collections.Counter(s.word for s in scenarios)
    busted = sum(s.busted and s.word == "ok" for s in scenarios)
    handled, swaps = (f"{sum(r[what][done] for r in reports):,}".replace(",", " ") for what, done in (("nmis", "handled"), ("swaps", "done")))
    text = f"{handled} NMIs handled and {swaps} handlers swapped under check, {newest.started().replace('T', ' ').rstrip('Z')} UTC"
    if reports:
        tool, host = reports[0]["tool"], reports[0]["host"]
        text += f"; nmi-sim {tool['version']}, {tool['compiler']}, Linux {host['kernel']} {host['machine']}, {host['cpus_allowed']} CPUs"
    title = f"{words['ok'] - busted} scenarios held, {busted} faults caught, {words['FAIL']} failed, {words['skip']} skipped"
    return {"id": "verdict", "verdict": {"PASS": "pass", "FAIL": "fail"}.get(verdict, "incomplete"), "word": verdict, "text": text,
            "title": title + (f", {words['open']} not over" if words["open"] else "")}


def document(folder):
    """What `nmi-sim page` draws; None when there is nothing to show."""
    runs = collect(folder)
    if not runs:
        return None
    newest, order = runs[-1], ("FAIL", "open", "skip", "ok")
    # Of a soak's earlier rounds what did not hold is shown.
    shown = [s for one in newest.rounds for s in one if one is newest.rounds[-1] or s.word != "ok"]
    shown.sort(key=lambda s: (order.index(s.word), s.busted, s.name))
    rounds = [reported for run in runs for one in run.rounds if (reported := [s for s in one if s.report])]
    soak = f" ({len(newest.rounds)} rounds: the last one, and what did not hold)" if len(newest.rounds) > 1 else ""
    first = about(newest)
    return {"schema": "nmi-sim-page-1", "title": f"nmi-stress: {first['word']}", "parts": [first, {
        "id": "trends", "title": "Trends per flavor",
        "text": "A point is a scenario of correct code, a line the median of a flavor from run to run "
                f"({len(rounds)} run{'s' if len(rounds) != 1 else ''} here). Value axes are logarithmic. Delivery is signal delivery latency, "
                "not NMI latency.",
        "charts": [trend(title, unit, read, rounds) for title, _, unit, read in METRICS]}, {
        "id": "scenarios", "title": f"Scenarios of the newest run{soak}",
        "columns": [("", "left", ""), ("scenario", "wrap", ""), ("flavor", "left", ""), ("NMIs", "", ""), ("swaps", "", ""),
                    *((head, "", unit) for _, head, unit, _ in METRICS), ("", "wrap", ""), ("files", "wrap", "")],
        "rows": [s.row(folder) for s in shown]}]}


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        sys.exit(0 if sys.argv[1:] == ["--help"] else 2)
    made = document(pathlib.Path(sys.argv[1]).resolve())
    if made is None:
        sys.exit(f"page.py: no report of nmi-sim in {sys.argv[1]}")
    json.dump(made, sys.stdout)
