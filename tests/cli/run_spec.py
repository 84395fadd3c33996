#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the cases of a .spec file against the real program.

A case is a block of lines, KEYWORD and the rest of the line; blocks are separated by empty lines:

    NAME    a sentence that says what must be seen
    RUN     arguments of nmi-sim, as for a shell; \\x0a in one is that byte
    FAKE    arguments of nmi-sim-fake, whose run() does as FAKE_RUN says (tests/support/fake_run.cpp)
    ENV     NAME=VALUE
    FILE    NAME TEXT, with \\n for a new line: written before the run, which is in a folder of its own
    LINK    NAME TARGET: a symbolic link, made before the run
    EXIT    exit code (default 0)
    STDOUT  regular expression that must be found; several lines: all of them, in any order. STDERR too
    NOT_STDOUT, NOT_STDERR  regular expression that must not be found
    EMPTY   stdout or stderr, which must have nothing
    JSON    PATH OP VALUE, of the JSON on standard output: .nmis.handled > 0, .status == "pass"
    SCHEMA  stdout or the name of a file, to be valid by the schema
    FILES   the names that must be in the folder afterwards, and no others
"""
import argparse
import json
import operator
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
from looked import looked

KEYWORDS = "NAME RUN FAKE ENV FILE LINK EXIT STDOUT STDERR NOT_STDOUT NOT_STDERR EMPTY JSON SCHEMA FILES".split()
OPERATORS = {"==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt}


def parse(path):
    blocks, block = [], []
    for number, line in enumerate(path.read_text().splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            keyword, _, rest = line.partition(" ")
            if keyword not in KEYWORDS:
                raise SystemExit(f"{path}:{number}: unknown keyword {keyword}")
            block.append((keyword, rest.strip()))
        elif block:
            if [k for k, _ in block].count("NAME") != 1 or sum(k in ("RUN", "FAKE") for k, _ in block) != 1:
                raise SystemExit(f"{path}:{number}: a case needs one NAME and one RUN or FAKE")
            blocks.append(block)
            block = []
    return blocks


def at(document, path):
    for key in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        document = document[key[0]] if key[0] else document[int(key[1])]
    return document


def validate(document, schema):
    try:
        import jsonschema
    except ImportError:
        raise tap.Skipped("python3-jsonschema is not installed") from None
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(document, schema)


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def check_json(rest, stdout):
    path, op, value = rest.split(None, 2)
    found = at(json.loads(stdout), path)
    expect(OPERATORS[op](found, json.loads(value)), f"{path} is {found!r}, expected {op} {value}")


def unescaped(word):
    return word.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape") if "\\x" in word else word


def run_case(block, options):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-spec-") as folder:
        folder = pathlib.Path(folder)
        # Nothing of the caller's terminal and tastes: a test must see the same everywhere.
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        command, code = [], 0
        for keyword, rest in block:
            if keyword in ("RUN", "FAKE"):
                command = [options.program if keyword == "RUN" else options.fake, *map(unescaped, shlex.split(rest))]
            elif keyword == "ENV":
                name, _, value = rest.partition("=")
                environment[name] = value
            elif keyword == "FILE":
                name, _, text = rest.partition(" ")
                (folder / name).write_bytes(text.encode().decode("unicode_escape").encode("latin-1"))
            elif keyword == "LINK":
                name, _, target = rest.partition(" ")
                (folder / name).symlink_to(target)
            elif keyword == "EXIT":
                code = int(rest)

        def run():
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60, text=True,
                                  errors="replace", stdin=subprocess.DEVNULL, check=False)

        done = looked(run) if command[0] == options.program and code in (0, 1) else run()
        streams = {"STDOUT": done.stdout, "STDERR": done.stderr}
        what = f"{ascii(shlex.join(command))}\n-- stdout\n{done.stdout}-- stderr\n{done.stderr}"
        expect(done.returncode == code, f"exit code {done.returncode}, expected {code}: {what}")
        skipped = None  # what can be looked at is, first
        for keyword, rest in block:
            if keyword in streams:
                expect(re.search(rest, streams[keyword], re.M), f"{keyword} has no {rest!r}: {what}")
            elif keyword.startswith("NOT_"):
                expect(not re.search(rest, streams[keyword[4:]], re.M), f"{keyword[4:]} has {rest!r}: {what}")
            elif keyword == "EMPTY":
                expect(not streams[rest.upper()], f"{rest} is not empty: {what}")
            elif keyword == "JSON":
                check_json(rest, done.stdout)
            elif keyword == "SCHEMA":
                text = done.stdout if rest == "stdout" else (folder / rest).read_text()
                try:
                    validate(json.loads(text), json.loads(options.schema.read_text()))
                except tap.Skipped as why:
                    skipped = why
            elif keyword == "FILES":
                names = sorted(p.name for p in folder.iterdir())
                expect(names == sorted(rest.split()), f"files {names}, expected {rest}: {what}")
        if skipped:
            raise skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=pathlib.Path)
    parser.add_argument("--program", type=os.path.abspath, required=True)
    parser.add_argument("--fake", type=os.path.abspath, required=True)
    parser.add_argument("--schema", type=pathlib.Path, required=True)
    options = parser.parse_args()
    cases = parse(options.spec)
    tap.run([(dict(block)["NAME"], lambda block=block: run_case(block, options)) for block in cases])


main()
