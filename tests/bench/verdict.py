#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a run of the benchmarks says, a line for each question: our number, the best peer's, ratio, verdict.

    verdict.py bench.json [exec.json] [--markdown FILE]

A question whose figures are not in the files has no line. A verdict is of this run on this machine, never a test.
"""
import argparse
import json
import sys

from report import Figures, number

SAFE_PEERS = ("ck_epoch", "hazard pointer", "gperftools", "signal-hook", "async-profiler", "atomic<shared_ptr>")


class Question:
    """`limit` is of the ratio, ours to the peer's; with `more_is_better` the ratio must reach it. `most_more`: ours may be
    that much more than the peer's, in the unit."""

    def __init__(self, text, unit, ours, peer, peer_name, limit=None, more_is_better=False, most_more=None):
        self.text, self.unit, self.ours, self.peer, self.peer_name = text, unit, ours, peer, peer_name
        self.ratio = ours / peer if peer else None
        self.limit, self.more_is_better, self.most_more = limit, more_is_better, most_more

    def verdict(self):
        if self.most_more is not None:
            return ("holds" if self.ours - self.peer <= self.most_more else "does not hold") + f" (at most {self.most_more:g} {self.unit} more)"
        if self.limit is None or self.ratio is None:
            return "-"
        held = self.ratio >= self.limit if self.more_is_better else self.ratio <= self.limit
        return ("holds" if held else "does not hold") + (f" (at least {self.limit:g})" if self.more_is_better else f" (at most {self.limit:g})")

    def cells(self):
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        peer = "-" if self.peer is None else f"{number(self.peer)} {self.peer_name}"
        return [self.text, f"{number(self.ours)} {self.unit}", peer, ratio, self.verdict()]


def over_bare(figures, threads):
    """{who: ns beyond bare}"""
    rows = {who: row["cpu_ns"]["median"] for who, t, row in figures.of("dispatcher") if t == threads}
    return {who: ns - rows["bare"] for who, ns in rows.items() if who != "bare"} if "bare" in rows else {}


def medians(figures, group, figure):
    return {who: row[figure]["median"] for who, _, row in figures.of(group) if figure in row}


def best_of(values, names):
    found = [(values[n], n) for n in names if n in values]
    return min(found) if found else (None, "")


def dispatcher_questions(figures):
    one, two = over_bare(figures, 1), over_bare(figures, 2)
    if not one or not two:
        return
    peer, name = best_of(one, SAFE_PEERS)
    yield Question("swappable dispatch over a bare handler, 1 thread: memb", "ns", one["nmi-sim memb"], peer, name, 1)
    peer, name = best_of(two, SAFE_PEERS)
    yield Question("the same on 2 threads", "ns", two["nmi-sim memb"], peer, name, 1)
    if "ck_epoch" in one:
        yield Question("flavor nmi, no membarrier needed", "ns", one["nmi-sim nmi"], one["ck_epoch"], "ck_epoch", 1)
    yield Question("flavor memb beside the raw reader, whole dispatch", "ns", one["nmi-sim memb"], one["liburcu memb"], "liburcu memb", most_more=1)


def pair_questions(figures):
    pairs = medians(figures, "read-pair", "cpu_ns")
    if "two locked adds" in pairs:
        yield Question("srcu: a reader nobody registered", "ns", pairs["srcu"], pairs["two locked adds"], "two locked adds", 1.5)


def signal_questions(figures):
    added, bare = medians(figures, "self-paired", "added_ns"), medians(figures, "self-paired", "bare_ns")
    if added:
        yield Question("raise to self, added to a bare handler: memb", "ns", added["memb"], bare["memb"], "the bare raise itself", None)
    ratio = {who: v for who, v in medians(figures, "saturation", "ratio").items() if who.startswith("memb/latch")}
    if ratio:
        yield Question("NMIs per second, all checks on, of bare", "of bare", min(ratio.values()), 1, "bare", 0.9, more_is_better=True)


def writer_questions(figures):
    waits = medians(figures, "writer", "sync_ns")
    ours, peer = waits.get("nmi/busy 1/idle 8"), waits.get("memb/busy 1/idle 8")
    if ours and peer:
        yield Question("grace period beside a busy reader: nmi", "ns", ours, peer, "liburcu memb", 1)
    swaps = medians(figures, "exactly-once", "missed_per_100k")
    doubled = medians(figures, "exactly-once", "doubled_per_100k")
    if "exchange/memb" in swaps:
        wrong = {who: swaps[who] + doubled[who] for who in swaps}
        peer, name = best_of(wrong, [w for w in wrong if not w.startswith("exchange")])
        yield Question("NMIs that ran no handler or two, of 100,000", "", wrong["exchange/memb"], peer, name.split("/")[0], 0)


def domain_questions(figures):
    waits = medians(figures, "grace_period_srcu", "p50_us")
    alone = waits.get("asleep 0/running 0")
    for who, what in (("asleep 1000", "that sleep"), ("running 1000", "that run")):
        if alone and who in waits:
            yield Question(f"grace period of srcu beside 1,000 threads {what}", "us", waits[who], alone, "beside none", None)


def explore_questions(figures):
    rates = medians(figures, "explore", "per_s")
    if "do_nmi/memb" in rates:
        yield Question("instruction boundaries explored, per second", "", rates["do_nmi/memb"], None, "", None)


def library_questions(figures):
    us, timer = medians(figures, "library", "us"), medians(figures, "library", "timer_us")
    name = "attach and detach with a CPU timer"
    if name in us:
        yield Question("attach and detach a thread with a CPU timer", "us", us[name], timer[name], "the timer alone", None)
    added = medians(figures, "library", "added_ns")
    bare = medians(figures, "library", "bare_ns")
    name = "raise to self, never attached"
    if name in added:
        yield Question("a library's interrupt over a bare handler", "ns", added[name], bare[name], "the bare one itself", None)


def exec_questions(document):
    """exec.json has the questions' own rows: text, unit, ours, peer, peer_name, limit, more_is_better."""
    for row in document["questions"]:
        yield Question(row["text"], row["unit"], row["ours"], row.get("peer"), row.get("peer_name", ""), row.get("limit"), row.get("more_is_better", False))


def questions(figures):
    for part in (dispatcher_questions, pair_questions, signal_questions, writer_questions, domain_questions, library_questions, explore_questions):
        yield from part(figures)


def disturbed(document):
    return [s for s in document.get("states", []) if s["disturbed"]]


HEAD = ["question", "nmi-sim", "best peer", "ratio", "verdict"]


def markdown(lines):
    text = "| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD) + "\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def plain(lines):
    rows = [HEAD, *lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() + "\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", nargs="+")
    parser.add_argument("--markdown", metavar="FILE")
    arguments = parser.parse_args()
    lines, noisy = [], []
    for name in arguments.json:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        noisy += disturbed(document)
        lines += [q.cells() for q in (exec_questions(document) if "questions" in document else questions(Figures(document)))]
    if arguments.markdown:
        with open(arguments.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(lines))
    print(plain(lines), end="")
    for state in noisy:
        print(f'disturbed: {state["group"]}, {state["tries"]} tries; bare code took {state["distance"]:.2f} times its best of this run, '
              f'and changed by {state["changed"]:.2f} across the group')
    return 0


if __name__ == "__main__":
    sys.exit(main())
