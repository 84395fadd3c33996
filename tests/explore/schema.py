#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `nmi-sim explore --json` prints, against docs/nmi-sim-explore-1.schema.json: sweeps, maps and audits, with and without
findings; and broken reports, which it refuses."""
import argparse
import copy
import functools
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import explorer
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--schema", type=pathlib.Path, required=True)
options = parser.parse_args()

# What is explored, the exit code, and the keys of the one report that are there for it and not empty.
WINDOWS = {
    "a sweep": (["--window", "do_nmi"], 0, ["boundaries", "cells"]),
    "a sweep in fresh processes": (["--window", "read", "--fresh"], 0, ["boundaries", "cells"]),
    "a sweep with system calls": (["--window", "synchronize_rcu", "--system-calls"], 0, ["calls"]),
    "a sweep with a finding": (["--window", "exchange", "--fault", "unset-then-set"], 3, ["cells"]),
    "a map of one row": (["--window", "read-map"], 0, ["reader", "updater", "updater_first"]),
    "a map of one row with a finding": (["--window", "do_nmi-map", "--fault", "no-grace-period"], 3, ["findings"]),
    "a full map": (["--window", "read-map", "--map"], 0, ["reader_first", "points"]),
    "a map with store buffers": (["--window", "read-map", "--memory", "tso"], 0, ["reader_first", "points"]),
    "a map with store buffers and a finding": (["--window", "do_nmi-map", "--flavor", "nmi", "--fault", "no-reader-fence", "--memory", "tso"],
                                               3, ["findings", "points"]),
    "a map with a second NMI": (["--window", "do_nmi-map", "--nmis", "2"], 0, ["reader_first"]),
    "an audit": (["--audit"], 0, ["functions"]),
}


def wrong(document):
    """What is wrong with it by the schema; None: nothing."""
    try:
        import jsonschema
    except ImportError:
        raise tap.Skipped("python3-jsonschema is not installed") from None
    schema = json.loads(options.schema.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    found = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(schema).iter_errors(document))
    return found and f"{list(found.absolute_path)}: {found.message[:500]}"


@functools.lru_cache(maxsize=None)
def printed(what):
    words, code, _ = WINDOWS[what]
    done = explorer.explore(options.program, "--json", *words)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr)
    return json.loads(done.stdout)


def holds(what):
    def case():
        document = printed(what)
        assert wrong(document) is None, wrong(document)
        (report,) = document["reports"]
        assert all(report[key] for key in WINDOWS[what][2]), (what, list(report))
    return f"{what} is as the schema says", case


def broken(what, change):
    document = copy.deepcopy(printed(what))
    change(document["reports"][0], document)
    return wrong(document)


def refuses():
    changes = {
        "a sweep": [lambda r, d: r.pop("cells"), lambda r, d: r["boundaries"][0].update(ip=4096), lambda r, d: r.update(kind="swept"),
                    lambda r, d: r["cells"][0].update(verdict="good"), lambda r, d: r.update(new=1), lambda r, d: d.pop("complete"),
                    lambda r, d: d.update(version=2), lambda r, d: r.update(kind="map"), lambda r, d: r.update(exit_code=2)],
        "a full map": [lambda r, d: r.pop("reader_first"), lambda r, d: r.pop("points"), lambda r, d: r["updater_first"].append("x"),
                       lambda r, d: r.update(memory="pso"), lambda r, d: r["critical_section"].update(first=-2)],
        "a map of one row with a finding": [lambda r, d: r["findings"][0].pop("schedule"), lambda r, d: r["findings"][0].update(kind="ends")],
        "a map with store buffers and a finding": [lambda r, d: next(c for f in r["findings"] for c in f["contexts"] if "store" in c)["store"].pop("by")],
        "an audit": [lambda r, d: r["functions"][0].update(safe="yes"), lambda r, d: r["functions"][0].pop("called_from")],
    }
    for what, all_of_it in changes.items():
        assert wrong(printed(what)) is None, what
        for number, change in enumerate(all_of_it):
            assert broken(what, change) is not None, (what, number)


def nothing_explored():
    """Where the mechanism is absent."""
    document = {"schema": "nmi-sim-explore", "version": 1, "command": ["nmi-sim", "explore"], "complete": False, "absent": "why", "reports": []}
    assert wrong(document) is None, wrong(document)


tap.run([*map(holds, WINDOWS), ("a broken report is refused", refuses), ("a report of nothing is one", nothing_explored)])
