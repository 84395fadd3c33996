#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables and pictures of a run of nmi-sim-bench: the median of the repetitions, and their quartiles.

    report.py bench.json --markdown bench.md --page page.json && nmi-sim page page.json --output bench.svg

A benchmark that reported an error ends this with exit code 1, after the tables.
"""
import argparse
import json
import math
import sys

STANDARD = {"name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "threads",
            "aggregate_name", "aggregate_unit", "iterations", "real_time", "cpu_time", "time_unit", "repetition_index",
            "error_occurred", "error_message"}
TO_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


class Figures:
    """rows[name, threads][figure] = {aggregate: value}; times in ns."""

    def __init__(self, document):
        self.context = document["context"]
        self.states, self.best = document.get("states", []), document.get("best_state", {})
        self.rows, self.errors = {}, []
        # As the program registered them: in the file they are shuffled.
        for b in sorted(document["benchmarks"], key=lambda b: (b.get("family_index", 0), b.get("threads", 1))):
            if b.get("error_occurred"):
                self.errors.append(f'{b["run_name"]}: {b.get("error_message", "")}')
                continue
            if b["run_type"] != "aggregate":
                continue
            name = b["run_name"].split("/iterations:")[0].split("/min_time:")[0].split("/threads:")[0].split("/real_time")[0]
            row = self.rows.setdefault((name, b["threads"]), {})
            figures = {k: v for k, v in b.items() if k not in STANDARD}
            if not figures or name.startswith("self/"):
                figures["cpu_ns"] = b["cpu_time"] * TO_NS[b["time_unit"]]
            figures["real_ns"] = b["real_time"] * TO_NS[b["time_unit"]]
            for figure, value in figures.items():
                row.setdefault(figure, {})[b["aggregate_name"]] = value

    def of(self, group):
        """[(rest of the name, threads, row)] of one group, in the order of the program."""
        return [(name[len(group) + 1:], threads, row) for (name, threads), row in self.rows.items()
                if name.startswith(group + "/")]


def number(value):
    if value == 0:
        return "0"
    digits = max(0, 2 - int(math.floor(math.log10(abs(value)))))
    return f"{value:,.{min(digits, 3)}f}"


def cell(figure):
    if figure is None:
        return "-"
    spread = f' <small>{number(figure["p25"])}..{number(figure["p75"])}</small>' if "p25" in figure else ""
    return number(figure["median"]) + spread


def table(title, head, lines):
    if not lines:
        return ""
    text = f"## {title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def dispatcher_lines(figures):
    rows = {}
    for who, threads, row in figures.of("dispatcher"):
        rows.setdefault(who, {})[threads] = row["cpu_ns"]
    bare = rows.get("bare", {})
    for who, by_threads in rows.items():
        line = [who]
        for threads in (1, 2):
            this = by_threads.get(threads)
            line.append(cell(this))
            line.append("-" if not this or threads not in bare else f'{this["median"] - bare[threads]["median"]:+.2f}')
        yield line


def counter_lines(figures, group, columns):
    for who, _, row in figures.of(group):
        yield [who] + [cell(row.get(c)) for c in columns]


def markdown(figures):
    c = figures.context
    text = "# Benchmark figures\n\n"
    text += f'{c.get("cpu", "?")}, {c.get("cpus", "?")} CPUs, Linux {c.get("kernel", "?")}, {c.get("compiler", "?")}, '
    text += f'build {c.get("build", "?")}, nmi-sim {c.get("nmi-sim", "?")}, liburcu {c.get("liburcu", "?")}'
    text += f', ck {c["ck"]}' if "ck" in c else ""
    text += f', load {"/".join(f"{x:.1f}" for x in c.get("load_avg", []))}, {c.get("date", "")}. '
    text += "Median of the repetitions, small: their quartiles.\n\n"
    text += states(figures)
    text += table("Dispatcher, ns per call (CPU time)", ["", "1 thread", "over bare", "2 threads", "over bare"],
                  list(dispatcher_lines(figures)))
    text += table("Read pair, ns", ["flavor", "enter + exit"], list(counter_lines(figures, "read-pair", ["cpu_ns"])))
    text += table("Raise to self, ns (CPU time)", ["", "per NMI"], list(counter_lines(figures, "self", ["cpu_ns"])))
    text += table("Raise to self in turn with a bare handler, ns (CPU time)", ["", "added", "quartiles of a repetition's pairs", "", "bare"],
                  list(counter_lines(figures, "self-paired", ["added_ns", "added_p25_ns", "added_p75_ns", "bare_ns"])))
    text += table("Ping-pong, ns", ["", "raise until counted"], list(counter_lines(figures, "ping-pong", ["real_ns"])))
    text += table("Saturation, NMIs per second", ["flavor, delivery, with", "bare", "nmi-sim", "ratio", "CPUs had"],
                  list(counter_lines(figures, "saturation", ["bare_per_s", "full_per_s", "ratio", "cpus"])))
    text += table("Paced, delivery latency in us", ["rate", "handled per s", "p50", "p99", "max"],
                  list(counter_lines(figures, "paced", ["per_s", "p50_us", "p99_us", "max_us"])))
    columns = ["sync_ns", "sync_p50_us", "sync_p99_us", "sync_max_us", "swap_p50_us", "swap_p99_us", "swap_max_us", "swap_per_s", "ratio",
               "ratio_to_hand", "turn_ratio", "turn_over_ns", "clock_p50_us", "kept"]
    text += table("Writer, us", ["flavor, readers", "synchronize, ns", "p50", "p99", "max", "swap p50", "p99", "max", "swaps per s",
                                 "swap / synchronize", "swap / by hand", "in turn / synchronize", "in turn over synchronize, ns", "clock p50", "kept"], list(counter_lines(figures, "writer", columns)))
    text += table("Exactly once, per 100k signals", ["swap by, flavor", "missed", "doubled", "swaps per signal"],
                  list(counter_lines(figures, "exactly-once", ["missed_per_100k", "doubled_per_100k", "swaps_per_signal"])))
    columns = ["online_ms", "kib_per_vcpu", "swap_p50_us", "swap_p99_us", "drain_ms", "offline_ms"]
    text += table("Scale", ["flavor, vCPUs", "online ms", "KiB per vCPU", "swap p50 us", "p99 us", "drain ms", "offline ms"],
                  list(counter_lines(figures, "scale", columns)))
    text += table("Grace period of srcu beside threads that nobody registered, us", ["threads", "p50", "p99"],
                  list(counter_lines(figures, "grace_period_srcu", ["p50_us", "p99_us"])))
    text += table("Library, on a thread of the program", ["", "us", "its timer alone, us", "p99 us", "added to bare, ns", "bare, ns"],
                  list(counter_lines(figures, "library", ["us", "timer_us", "p99_us", "added_ns", "bare_ns"])))
    text += table("Cost", ["flavor", "CPU seconds per million NMIs", "resident KiB at most", "start and end, ms"],
                  list(counter_lines(figures, "cost", ["cpu_s_per_million", "resident_kib", "start_and_end_ms"])))
    text += table("Exploration", ["window, flavor", "boundaries or schedules per s", "of how many"],
                  list(counter_lines(figures, "explore", ["per_s", "explored"])))
    return text


def states(figures):
    """What bare code cost before and after each group: whether the machine was our own."""
    lines = [[s["group"], *(f'{s[when][what]:.2f}' for what in sorted(figures.best) for when in ("before", "after")),
              f'{s["distance"]:.2f}', str(s["tries"]), "disturbed" if s["disturbed"] else ""] for s in figures.states]
    head = ["group", *(f"{what} {when}, ns" for what in sorted(figures.best) for when in ("before", "after")), "of the best", "tries", ""]
    return table("The machine's state: bare code beside each group", head, lines)


def panels(figures):
    """(title, [(label, median, p25, p75)])"""
    for threads in (1, 2):
        yield (f"Dispatcher, ns per call, {threads} thread{'s' if threads > 1 else ''}",
               [(who, row["cpu_ns"]) for who, t, row in figures.of("dispatcher") if t == threads])
    yield ("Read pair, ns", [(who, row["cpu_ns"]) for who, _, row in figures.of("read-pair")])
    yield ("Grace period p50, us, 1 busy reader",
           [(who.replace("/busy 1/idle ", ", idle "), row["sync_p50_us"]) for who, _, row in figures.of("writer")
            if "/busy 1/" in who and who.endswith((" 8", " 512"))])
    yield ("Saturation, all checks on, share of the bare floor",
           [(who, row["ratio"]) for who, _, row in figures.of("saturation")])


def bars(title, rows):
    """On a logarithmic scale; across a bar, its quartiles."""
    rows = [(label, f) for label, f in rows if f and f["median"] > 0]
    if not rows:
        return []
    low = math.floor(math.log10(min(f["median"] for _, f in rows)) - 0.3)
    high = max(low + 1, math.ceil(math.log10(max(f.get("p75", f["median"]) for _, f in rows))))

    def share(value):
        return (math.log10(max(value, 10.0 ** low)) - low) / (high - low)
    return [{"title": f"{title}; logarithmic, {10.0 ** low:g} to {10.0 ** high:g}", "bars": [
        (label, number(f["median"]), "bar" if "nmi" in label else "bar idle",
         share(f["median"]), share(f.get("p25", f["median"])), share(f.get("p75", f["median"]))) for label, f in rows]}]


def page(figures):
    """What `nmi-sim page` draws."""
    charts = [chart for title, rows in panels(figures) for chart in bars(title, rows)]
    return {"schema": "nmi-sim-page-1", "title": "Benchmark figures", "parts": [{"id": "figures", "title": "Benchmark figures", "charts": charts}]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json")
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--page", metavar="FILE")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        figures = Figures(json.load(file))
    if not figures.rows:
        sys.exit(f"report.py: {arguments.json} has no aggregates: run with --benchmark_repetitions")
    for name, make in ((arguments.markdown, markdown), (arguments.page, lambda f: json.dumps(page(f)))):
        if name:
            with open(name, "w", encoding="utf-8") as file:
                file.write(make(figures))
    for error in figures.errors:
        print(f"report.py: {error}", file=sys.stderr)
    return 1 if figures.errors else 0


if __name__ == "__main__":
    sys.exit(main())
