#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One page over the results of stress runs: a table of the scenarios of the newest run, and trends per flavor.

    tools/stress/page.py FOLDER [--output FILE]

FOLDER is a results folder of tools/nmi-stress, or the folder of all of them. What counts is what lies there: each
NAME.result (verdict, time, figures; separated by tabs) and each NAME.json that is a report of nmi-sim, with NAME.log,
NAME.conf, NAME.html and NAME.repeat beside it where they are. The rounds of a soak are folders inside a results folder,
and one run. A run's verdict is that of its `summary`: a run without one was not over. The page is written beside the results, asks nothing of the network, and has no script. Exit status: 0; 1 when there
is no report to show; 2 bad usage.
"""
import argparse
import collections
import datetime
import html
import itertools
import json
import math
import os
import pathlib
import re
import statistics
import sys
import tempfile

FLAVORS = ["memb", "mb", "bp", "qsbr", "nmi"]
COMPANIONS = [("html", "report"), ("log", "log"), ("conf", "config"), ("json", "JSON"), ("trace.json", "timeline")]
# Title, head of a column, unit, how to read it from a report; None: not measured.
METRICS = [
    ("NMIs handled per second", "NMIs/s", "/s", lambda r: r["nmis"]["handled_per_s"]),
    ("Swaps per second", "swaps/s", "/s", lambda r: r["swaps"]["done_per_s"]),
    ("Signal delivery p99", "delivery", "ns", lambda r: measured(r, "delivery", "p99")),
    ("Grace period p99", "grace period", "ns", lambda r: measured(r, "grace_period", "p99")),
]

STYLE = """
:root { color-scheme: light dark; --bg:#fff; --card:#f6f8fa; --fg:#1b1f24; --dim:#59636e; --line:#d1d9e0; --bad:#cf222e; --good:#1a7f37;
  --warn:#9a6700; --memb:#2f6fb0; --mb:#bc6c00; --bp:#1a7f37; --qsbr:#8250df; --nmi:#0e7490; }
@media (prefers-color-scheme: dark) { :root { --bg:#0d1117; --card:#161b22; --fg:#e6edf3; --dim:#9198a1; --line:#3d444d; --bad:#ff6a69;
  --good:#3fb950; --warn:#d29922; --memb:#6cb6ff; --mb:#f0a23a; --bp:#56d364; --qsbr:#d2a8ff; --nmi:#39c5cf; } }
* { box-sizing: border-box; } body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 30px 0 10px; } p { margin: 6px 0; } a { color: var(--memb); }
.verdict { background: var(--card); border-left: 8px solid var(--good); border-radius: 8px; padding: 14px 18px; }
.verdict.fail { border-color: var(--bad); } .ok { color: var(--good); font-weight: 600; } .no { color: var(--bad); font-weight: 600; }
.skip { color: var(--warn); font-weight: 600; } .dim { color: var(--dim); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--dim); font-weight: 500; font-size: 13px; } .left { text-align: left; } td.wrap { white-space: normal; min-width: 130px; }
#scenarios td:last-child { white-space: normal; min-width: 70px; } #scenarios td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: 10px 12px; } figcaption { font-size: 14px; }
svg { width: 100%; max-width: 520px; height: auto; display: block; } svg text { fill: var(--fg); font: 11px system-ui, "DejaVu Sans", sans-serif; }
svg .axis { fill: var(--dim); font-size: 10px; } .grid { stroke: var(--line); fill: none; stroke-width: .6; }
.trend { fill: none; stroke-width: 2; } circle { opacity: .75; } circle:hover { stroke: var(--fg); opacity: 1; }
""" + "".join(f".{f} {{ stroke: var(--{f}); }} circle.{f}, rect.{f} {{ fill: var(--{f}); stroke: none; }}\n" for f in FLAVORS) + """
@media (max-width: 480px) { body { padding: 10px; font-size: 14px; } th, td { padding: 4px 6px; }
  /* A row is a paragraph: beside each other, the columns would not fit. */
  #scenarios table, #scenarios tbody { display: block; } #scenarios tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line); }
  #scenarios td { border: 0; min-width: 0; } #scenarios tr:first-child, #scenarios td:empty { display: none; }
  #scenarios td[data-head]::before { content: attr(data-head) " "; color: var(--dim); } }
"""


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
        result = stem.parent / f"{stem.name}.result"
        self.verdict = result.read_text().split("\t")[0].strip() if result.exists() else self.own_verdict()

    def own_verdict(self):
        """Without nmi-stress's: a run with a fault is right when it fails, and one that was stopped has not passed."""
        wanted, status = "pass" if self.fault == "none" else "fail", self.report["status"]
        if status == "pass" and not self.report["complete"]:
            return f"not over: {self.report['stop_signal'] or self.report['stop_reason']}"
        return "ok" if status == wanted else f"status {status}, expected {wanted}"

    def word(self):
        return {"ok": "ok", "skipped": "skip", "not over": "open"}.get(self.verdict.split(":")[0], "FAIL")

    def busted(self):
        return self.fault != "none" if self.report else self.name.startswith("BUSTED-")


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
        words = collections.Counter(s.word() for s in self.scenarios())
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


def text_of(value, unit):
    if value is None:
        return "-"
    if unit == "ns":
        for size, name in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
            if value >= size:
                return f"{value / size:.3g}{name}"
        return f"{value:.0f}ns"
    for size, name in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{name}{unit}"
    return f"{value:.3g}{unit}"


def chart(name, unit, read, rounds):
    """Points are scenarios, over the rounds; a line joins the medians of a flavor. The value axis is logarithmic."""
    points = [(number, s, read(s.report)) for number, one in enumerate(rounds) for s in one if s.fault == "none"]
    points = [(n, s, v) for n, s, v in points if v is not None and v > 0]
    out = [f'<figure><figcaption>{html.escape(name)}</figcaption><svg viewBox="0 0 360 190" role="img" aria-label="{html.escape(name)}">']
    if not points:
        return out[0] + '<text x="180" y="95" text-anchor="middle" class="axis">nothing was measured</text></svg></figure>'
    low = math.floor(math.log10(min(v for *_, v in points)))
    high = max(math.ceil(math.log10(max(v for *_, v in points))), low + 1)
    left, right, top, bottom = 46, 350, 24, 166

    def y(value):
        return bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

    def x(number, shift=0.0):
        return left + (right - left) * ((number + 0.5 + shift) / len(rounds))

    for power in range(low, high + 1):
        out.append(f'<path class="grid" d="M{left} {y(10 ** power):.1f}H{right}"/><text class="axis" x="{left - 5}" '
                   f'y="{y(10 ** power) + 3.5:.1f}" text-anchor="end">{text_of(10 ** power, unit)}</text>')
    used = [f for f in FLAVORS if any(s.flavor == f for _, s, _ in points)]
    for place, flavor in enumerate(used):
        out.append(f'<rect class="{flavor}" x="{left + 60 * place}" y="4" width="9" height="9"/><text x="{left + 13 + 60 * place}" y="12">{flavor}</text>')
        shift = 0.7 * ((place + 0.5) / len(used) - 0.5)  # flavors stand side by side within a run
        medians = []
        for number in range(len(rounds)):
            values = [(s, v) for n, s, v in points if n == number and s.flavor == flavor]
            if values:
                medians.append((x(number, shift), y(statistics.median(v for _, v in values))))
            for s, v in values:
                out.append(f'<circle class="{flavor}" cx="{x(number, shift):.1f}" cy="{y(v):.1f}" r="3.5"><title>{html.escape(s.name)}, '
                           f'{flavor}: {text_of(v, unit)}\n{s.report["started"]}</title></circle>')
        if len(medians) > 1:
            out.append(f'<path class="trend {flavor}" d="M' + "L".join(f"{a:.1f} {b:.1f}" for a, b in medians) + '"/>')
        elif medians:  # one run: a bar at the median
            a, b = medians[0]
            out.append(f'<path class="trend {flavor}" d="M{a - 16:.1f} {b:.1f}h32"><title>median of {flavor}</title></path>')
    first, last = (s.report["started"][:16] for s in (points[0][1], points[-1][1]))
    out.append(f'<text class="axis" x="{left}" y="184">{first.replace("T", " ")}</text>')
    if len(rounds) > 1:
        out.append(f'<text class="axis" x="{right}" y="184" text-anchor="end">{last.replace("T", " ")}, {len(rounds)} runs</text>')
    return "\n".join(out) + "</svg></figure>"


def links(scenario, page_folder):
    found = []
    for suffix, name in COMPANIONS:
        path = scenario.stem.parent / f"{scenario.name}.{suffix}"
        if path.exists():
            target = html.escape(pathlib.PurePosixPath(os.path.relpath(path, page_folder)).as_posix(), quote=True)
            found.append(f'<a href="{target}">{name}</a>')
    return " ".join(found)


def grouped(count):
    """As every report of nmi-sim writes it."""
    return f"{count:,}".replace(",", " ")


def row(scenario, page_folder):
    word = scenario.word()
    report = scenario.report
    caught = [c["id"] for c in report["checks"] if c["status"] == "fail"] if report else []
    what = scenario.verdict if word != "ok" else ("caught by " + ", ".join(caught) if caught else "")
    css = {"ok": "ok", "skip": "skip", "open": "skip", "FAIL": "no"}[word]
    if report:
        cells = f'<td data-head="NMIs">{grouped(report["nmis"]["handled"])}</td><td data-head="swaps">{grouped(report["swaps"]["done"])}</td>'
        cells += "".join(f'<td data-head="{html.escape(head)}">{text_of(read(report), unit)}</td>' for _, head, unit, read in METRICS)
    else:
        cells = f'<td colspan="{2 + len(METRICS)}"></td>'
    return (f'<tr><td class="left {css}">{word}</td><td class="left">{html.escape(scenario.name)}</td><td class="left">{scenario.flavor}</td>'
            f'{cells}<td class="wrap left">{html.escape(what)}</td><td class="left">{links(scenario, page_folder)}</td></tr>')


def circumstances(report):
    return (f'; nmi-sim {html.escape(report["tool"]["version"])},\n{html.escape(report["tool"]["compiler"])}, '
            f'Linux {html.escape(report["host"]["kernel"])} {report["host"]["machine"]},\n{report["host"]["cpus_allowed"]} CPUs')


def page_of(runs, page_folder):
    newest = runs[-1]
    scenarios = newest.scenarios()
    reports = [s.report for s in scenarios if s.report]
    verdict = newest.verdict()
    css = {"PASS": "ok", "FAIL": "no"}.get(verdict, "skip")
    words = collections.Counter(s.word() for s in scenarios)
    busted = sum(s.busted() and s.word() == "ok" for s in scenarios)
    handled = sum(r["nmis"]["handled"] for r in reports)
    swaps = sum(r["swaps"]["done"] for r in reports)
    # Of a soak's earlier rounds what did not hold is shown.
    shown = [s for one in newest.rounds for s in one if one is newest.rounds[-1] or s.word() != "ok"]
    order = {"FAIL": 0, "open": 1, "skip": 2, "ok": 3}
    rows = [row(s, page_folder) for s in sorted(shown, key=lambda s: (order[s.word()], s.busted(), s.name))]
    head = "".join(f"<th>{html.escape(head)}</th>" for _, head, *_ in METRICS)
    measured_rounds = [reported for run in runs for one in run.rounds if (reported := [s for s in one if s.report])]
    charts = "\n".join(chart(title, unit, read, measured_rounds) for title, _, unit, read in METRICS)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>nmi-stress: {verdict}</title><style>{STYLE}</style></head><body>
<section id="verdict"><div class="verdict {"pass" if verdict == "PASS" else "fail"}"><h1><span class="{css}">{verdict}</span>
{words["ok"] - busted} scenarios held, {busted} faults caught, {words["FAIL"]} failed, {words["skip"]} skipped{f", {words['open']} not over" if words["open"] else ""}</h1>
<p>{grouped(handled)} NMIs handled and {grouped(swaps)} handlers swapped under check{circumstances(reports[0]) if reports else ""},
{newest.started().replace("T", " ").rstrip("Z")} UTC</p></div></section>
<section id="trends"><h2>Trends per flavor</h2><p class="dim">A point is a scenario of correct code, a line the median of a flavor from run to run
({len(measured_rounds)} run{"s" if len(measured_rounds) != 1 else ""} here). Value axes are logarithmic. Delivery is signal delivery latency, not NMI latency.</p>
<div class="charts">{charts}</div></section>
<section id="scenarios"><h2>Scenarios of the newest run{f" ({len(newest.rounds)} rounds: the last one, and what did not hold)" if len(newest.rounds) > 1 else ""}</h2><div class="scroll"><table>
<tr><th></th><th class="left">scenario</th><th class="left">flavor</th><th>NMIs</th><th>swaps</th>{head}<th class="left"></th><th class="left">files</th></tr>
{chr(10).join(rows)}
</table></div></section></body></html>
"""


def write(folder, output):
    """The file that it wrote; OSError when there is nothing to show."""
    runs = collect(folder)
    if not runs:
        raise OSError(f"no report of nmi-sim in {folder}")
    with tempfile.NamedTemporaryFile("w", dir=output.parent, prefix=output.name, delete=False) as file:
        file.write(page_of(runs, output.parent))
    os.chmod(file.name, 0o644)
    os.replace(file.name, output)
    return output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, help="[FOLDER/index.html]")
    options = parser.parse_args()
    try:
        print(write(options.folder.resolve(), (options.output or options.folder / "index.html").resolve()))
    except OSError as error:
        print(f"page.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
