#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py and verdict.py, with a program in the place of nmi-sim-bench that measures what a case says."""
import json
import pathlib
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "support"))
import tap

scratch = tempfile.TemporaryDirectory(prefix="nmi-sim-figures-")

# Reads {"names": [...], "bare": [ns, ...]}: what bare code costs at each look; the last goes on.
FAKE = '''#!/usr/bin/env python3
import json, pathlib, re, sys
here = pathlib.Path(__file__).parent
plan = json.loads((here / "plan").read_text())
words = dict(w.split("=", 1) for w in sys.argv[1:] if "=" in w)
chosen = [n for n in plan["names"] if re.search(words["--benchmark_filter"], n)]
if "--benchmark_list_tests" in sys.argv:
    print("\\n".join(chosen))
    sys.exit()
with open(here / "asked", "a") as asked:
    asked.write(words["--benchmark_filter"] + "\\n")
if plan.get("empty"):
    sys.exit()
cost = dict.fromkeys(chosen, 5.0)
if set(chosen) == {"dispatcher/bare/x/threads:1", "self/bare/x"}:
    looks = len([1 for line in (here / "asked").read_text().splitlines() if "self/bare" in line and "dispatcher" in line])
    cost = dict.fromkeys(chosen, plan["bare"][min(looks, len(plan["bare"])) - 1])
rows = [{"name": n, "run_name": n, "run_type": "aggregate", "aggregate_name": "median", "threads": 1, "cpu_time": cost[n],
         "real_time": cost[n], "time_unit": "ns"} for n in chosen]
pathlib.Path(words["--benchmark_out"]).write_text(json.dumps({"context": {}, "benchmarks": rows}))
'''
NAMES = ["dispatcher/bare/x/threads:1", "self/bare/x", "writer/nmi/busy 1/idle (8)", "writer/memb/busy 1/idle (8)", "scale/nmi/1"]


def run(plan, *words):
    """(exit code, what it wrote, what was asked for)"""
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
    (folder / "fake").write_text(FAKE)
    (folder / "fake").chmod(0o755)
    (folder / "plan").write_text(json.dumps({"names": NAMES} | plan))
    done = subprocess.run([sys.executable, BENCH / "run.py", folder / "fake", "--out", folder / "out", *words], capture_output=True, text=True,
                          timeout=60, check=False)
    written = json.loads((folder / "out").read_text()) if (folder / "out").exists() else None
    asked = (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []
    return done, written, asked


def said_of(written):
    return {s["group"]: (s["tries"], s["disturbed"]) for s in written["states"]}


def calm():
    done, written, asked = run({"bare": [1.0]})
    assert done.returncode == 0, done
    assert said_of(written) == {g: (1, False) for g in ("dispatcher", "self", "writer", "scale")}, written["states"]
    assert sorted(b["run_name"] for b in written["benchmarks"]) == sorted(NAMES), written["benchmarks"]
    assert len(asked) == 4 + 5, asked  # a look before the first group, and one behind each


def changed():
    # Slow once, at the end of the second group's first try: its third try is calm.
    _, written, _ = run({"bare": [1.0, 1.0, 1.5, 1.0]}, "--filter", "^(writer|scale)/")
    assert said_of(written) == {"writer": (1, False), "scale": (3, False)}, written["states"]
    # Never calm: no more than three tries, and it says so.
    _, written, _ = run({"bare": [1.0, 1.0, 1.2, 1.0, 1.2, 1.0]}, "--filter", "^(writer|scale)/")
    assert said_of(written) == {"writer": (1, False), "scale": (3, True)}, written["states"]


def far():
    # Each look finds the same, but the first was much better: not our own core any more.
    _, written, _ = run({"bare": [1.0, 1.4]}, "--filter", "^scale/")
    assert said_of(written) == {"scale": (3, True)}, written["states"]


def no_time_left():
    _, written, _ = run({"bare": [1.0, 1.4]}, "--filter", "^scale/", "--repeats", "0")
    assert said_of(written) == {"scale": (1, True)}, written["states"]


def nothing_written():
    done, written, _ = run({"bare": [1.0], "empty": True})
    assert done.returncode == 1 and written is None and "0 bytes of figures" in done.stderr, done


def nothing_matches():
    done, _, _ = run({"bare": [1.0]}, "--filter", "^frob/")
    assert done.returncode == 1 and "no benchmark matches" in done.stderr, done


def row(name, threads=1, time_ns=1.0, **figures):
    common = {"name": name, "run_name": name, "run_type": "aggregate", "aggregate_name": "median", "threads": threads, "time_unit": "ns"}
    return common | {"cpu_time": time_ns, "real_time": time_ns} | figures


def verdicts(rows, states=()):
    """({question: its line}, all that was printed)"""
    path = pathlib.Path(tempfile.mkdtemp(dir=scratch.name)) / "bench.json"
    path.write_text(json.dumps({"context": {}, "benchmarks": rows, "states": list(states)}))
    done = subprocess.run([sys.executable, BENCH / "verdict.py", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return {line.split("  ")[0]: line for line in done.stdout.splitlines()}, done.stdout


def dispatcher(memb_ns):
    peers = {"bare": 1.0, "ck_epoch": 3.0, "liburcu memb": 2.0, "nmi-sim memb": memb_ns, "nmi-sim nmi": 4.0, "unprotected": 1.1}
    return [row(f"dispatcher/{who}", threads, ns) for who, ns in peers.items() for threads in (1, 2)]


def limits():
    first, beside = "swappable dispatch over a bare handler, 1 thread: memb", "flavor memb beside the raw reader, whole dispatch"
    lines, _ = verdicts(dispatcher(2.9))
    assert "2.00 ck_epoch" in lines[first] and lines[first].endswith("holds (at most 1)"), lines
    assert lines[beside].endswith("  holds (at most 1 ns more)"), lines
    lines, _ = verdicts(dispatcher(3.1))
    assert lines[first].endswith("does not hold (at most 1)") and lines[beside].endswith("does not hold (at most 1 ns more)"), lines
    for ratio, word in ((0.95, "  holds"), (0.85, "does not hold")):
        lines, _ = verdicts([row("saturation/memb/latch/x", ratio=ratio)])
        assert lines["NMIs per second, all checks on, of bare"].endswith(f"{word} (at least 0.9)"), lines


def wrong_swaps():
    for missed, word in ((0, "  holds"), (1, "does not hold")):
        rows = [row("exactly-once/exchange/memb", missed_per_100k=missed, doubled_per_100k=0),
                row("exactly-once/register then unregister/memb", missed_per_100k=0, doubled_per_100k=4)]
        lines, _ = verdicts(rows)
        assert lines["NMIs that ran no handler or two, of 100,000"].endswith(f"{word} (at most 0)"), lines


def beside_threads():
    names = {"asleep 0/running 0": 0.03, "asleep 1000": 0.06, "running 1000": 0.09}
    lines, _ = verdicts([row(f"grace_period_srcu/{name}/iterations:1/real_time", p50_us=us) for name, us in names.items()])
    assert " 2.00 " in lines["grace period of srcu beside 1,000 threads that sleep"], lines
    assert " 3.00 " in lines["grace period of srcu beside 1,000 threads that run"], lines


def says_what_was_disturbed():
    state = {"group": "writer", "tries": 3, "distance": 1.5, "changed": 1.2, "disturbed": True}
    _, text = verdicts(dispatcher(2.9), [state, state | {"group": "scale", "disturbed": False}])
    assert "disturbed: writer, 3 tries" in text and "scale" not in text, text


def only_what_was_measured():
    _, text = verdicts([row("explore/do_nmi/memb", per_s=4000)])
    assert len(text.splitlines()) == 2, text


tap.run([
    ("on a calm machine each group is run once, and every figure is there", calm),
    ("a group beside which bare code changes is repeated, and said to be disturbed", changed),
    ("so is one that is far from the best state of the run", far),
    ("repeats end when their time is over", no_time_left),
    ("a program that writes no figures is an error", nothing_written),
    ("a filter that matches nothing is an error", nothing_matches),
    ("a limit holds or does not", limits),
    ("one NMI without a handler is too many", wrong_swaps),
    ("a grace period beside threads is compared with one beside none", beside_threads),
    ("the lines say which groups were disturbed", says_what_was_disturbed),
    ("a question without figures has no line", only_what_was_measured),
])
