# SPDX-License-Identifier: MIT
"""Runs nmi-sim exec on a fixture and hands back what it said. Everything is judged by the JSON report."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser()
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fixture", type=os.path.abspath, required=True)
parser.add_argument("--static", type=os.path.abspath, required=True)
parser.add_argument("--stripped", type=os.path.abspath, required=True)
parser.add_argument("--static-stripped", type=os.path.abspath, required=True)
parser.add_argument("--profiled", type=os.path.abspath)
parser.add_argument("--profiled-static", type=os.path.abspath)
parser.add_argument("--profiled-leaf", type=os.path.abspath)
parser.add_argument("--schema", type=pathlib.Path, required=True)
parser.add_argument("--only", default="")
options = parser.parse_args()
TIMEOUT = 300
CASES = []


def case(function):
    if options.only in function.__name__:
        CASES.append((function.__doc__, function))
    return function


def processes(*words, anywhere=True):
    """Processes with these words on their command line, in a row or as its first ones, whoever started them, and their states."""
    found = []
    wanted = b"\0" + b"\0".join(word.encode() for word in words) + b"\0"
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = b"\0" + path.read_bytes()
            state = (path.parent / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if (wanted in line if anywhere else line.startswith(wanted)) and state != "Z" and int(path.parent.name) != os.getpid():
            found.append((path.parent.name, state))
    return found


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {seen!r}")


def validate(document):
    try:
        import jsonschema
    except ImportError:
        return
    wrong = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(json.loads(options.schema.read_text())).iter_errors(document))
    expect(wrong is None, wrong and wrong.message)


class Result:
    def __init__(self, done):
        self.code, self.err = done.returncode, done.stderr
        self.json = json.loads(done.stdout) if done.stdout.startswith("{") else None
        self.text = done.stdout
        if self.json is not None:
            validate(self.json)
            self.verdict = self.json["verdict"]
        if self.code == 77 and ("is refused" in self.text or "traces programs on" in self.err):
            raise tap.Skipped(self.json["why"] if self.json else self.err.strip())

    def shown(self):
        j = self.json or {}
        return self.code, j.get("verdict"), j.get("why"), j.get("differences"), [s["nmis"] for s in j.get("storms", [])], self.err[-300:]


def run(*words, command, json_report=True):
    """`nmi-sim exec WORDS -- COMMAND`."""
    done = subprocess.run([options.program, "exec", "--quiet", *(["--json"] if json_report else []), *words, "--", *command],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False, errors="replace")
    return Result(done)


def fixture(name, *arguments, words=(), static=False):
    result = run("--baseline", "1", *words, command=[options.static if static else options.fixture, name, *arguments])
    no_such_fixture = 98
    plain = result.json["baseline"]["runs"]
    expect(all(r["exit_status"] != no_such_fixture for r in plain), name, *result.shown())
    return result


def calls(result, call):
    return [row for storm in result.json["storms"] for row in storm["calls"] if row["call"] == call]


def delivered(result):
    return sum(storm["nmis"]["delivered"] for storm in result.json["storms"])


def expect_found(result, aspect):
    expect(result.code == 3 and result.verdict == "differs", *result.shown())
    expect(any(d["aspect"] == aspect and d["counts"] for d in result.json["differences"]), *result.shown())


def expect_clean(result):
    expect(result.code == 0 and result.verdict == "same" and delivered(result) > 0, *result.shown())
    expect(not result.json["baseline"]["unstable"], *result.shown())
