# SPDX-License-Identifier: MIT
"""What a timeline viewer needs of a file of Chrome trace events, as rules; problems_of() names each broken rule.

The rules are those of Perfetto's JSON importer (json_trace_parser.cc, json_trace_tokenizer.cc) and of speedscope's,
and beyond them what this program says about its own slices: which nest in which, and what an arrow joins.
"""
import collections

# The slice that a slice lies in, directly; where there are several rows of its kind, in its own row.
INSIDE = {"publish": {"swap"}, "vCPU online": {None}}


def nanoseconds(value):
    return round(value * 1000)


def problems_of(document):
    problems = []
    events = document["traceEvents"]
    rows = collections.defaultdict(list)
    flows = collections.defaultdict(list)
    last = None
    for number, event in enumerate(events):
        def wrong(text, number=number, event=event):
            problems.append(f"event {number} {event}: {text}")

        phase = event.get("ph")
        for key in {"X": ("name", "ts", "dur", "pid", "tid"), "i": ("name", "ts", "pid", "tid", "s"),
                    "C": ("name", "ts", "pid", "args"), "M": ("name", "pid", "args"),
                    "s": ("name", "cat", "id", "ts", "pid", "tid"),
                    "f": ("name", "cat", "id", "ts", "pid", "tid", "bp")}.get(phase, ("a known phase",)):
            if key not in event:
                wrong(f"no {key}")
        if phase == "M":
            if "ts" in event:
                wrong("metadata with a time")
            continue
        if "ts" not in event:
            continue
        if event["ts"] < 0:
            wrong("before the zero")
        if last is not None and event["ts"] < last:
            wrong("out of order")
        last = event["ts"]
        if phase == "X":
            if event.get("dur", 0) < 0:
                wrong("ends before it begins")
            if "dur" in event:
                rows[event["tid"]].append(event)
        elif phase == "i" and event.get("s") != "t":
            wrong("not of its thread")
        elif phase == "C" and not (event["args"] and all(isinstance(v, (int, float)) for v in event["args"].values())):
            wrong("a counter without numbers")
        elif phase in "sf":
            flows[event.get("cat"), event.get("name"), event.get("id")].append(event)
    named = {e["tid"] for e in events if e.get("ph") == "M" and e.get("name") == "thread_name"}
    for tid in {e["tid"] for e in events if "tid" in e} - named:
        problems.append(f"row {tid} has no name")
    begins = {}
    for tid, slices in rows.items():
        problems += nesting_problems(tid, slices)
        for s in slices:
            begins.setdefault((tid, s["ts"]), s)
    for key, ends in flows.items():
        if sorted(e["ph"] for e in ends) != ["f", "s"]:
            problems.append(f"arrow {key} is not one beginning and one end")
            continue
        start, finish = sorted(ends, key=lambda e: e["ph"], reverse=True)
        if start["ts"] > finish["ts"]:
            problems.append(f"arrow {key} goes back in time")
        for e in ends:
            if (e["tid"], e["ts"]) not in begins:
                problems.append(f"arrow {key} touches no slice at {e['ts']} in row {e['tid']}")
    return problems


def nesting_problems(tid, slices):
    """Slices of a row, in the order of the file: each lies inside the one that is open, or after it.

    Perfetto counts in whole nanoseconds, speedscope adds ts and dur as they are: both must come to the same."""
    problems, stack = [], []
    for s in slices:
        begin, end = nanoseconds(s["ts"]), nanoseconds(s["ts"]) + nanoseconds(s["dur"])
        while stack and stack[-1][1] <= begin:
            if stack[-1][2] > s["ts"]:
                problems.append(f"row {tid}: {stack[-1][0]} ends at {stack[-1][2]!r}, after {s['name']} begins at {s['ts']}")
            stack.pop()
        if stack and (end > stack[-1][1] or s["ts"] + s["dur"] > stack[-1][2]):
            problems.append(f"row {tid}: {s['name']} at {s['ts']} reaches beyond the {stack[-1][0]} that it is in")
        parent = stack[-1][0] if stack else None
        if parent not in INSIDE.get(s["name"], {parent}):
            problems.append(f"row {tid}: {s['name']} at {s['ts']} lies in {parent}")
        stack.append((s["name"], end, s["ts"] + s["dur"]))
    return problems


def slices(document, name):
    return [e for e in document["traceEvents"] if e["ph"] == "X" and e["name"] == name]


def instants(document, prefix):
    return [e for e in document["traceEvents"] if e["ph"] == "i" and e["name"].startswith(prefix)]


def used_after_reclaim(document):
    """NMIs that ran a generation of handler and ended after its reclaim had begun: what no correct run may show."""
    reclaimed = {e["args"]["generation"]: nanoseconds(e["ts"]) for e in slices(document, "reclaim")}
    found, looked_at = [], 0
    for nmi in slices(document, "NMI"):
        begin = reclaimed.get(nmi["args"].get("generation"))
        if begin is not None:
            looked_at += 1
            # A record ends a little after its read side does: what counts is that it did not begin later.
            if nanoseconds(nmi["ts"]) > begin:
                found.append(nmi)
    return found, looked_at
