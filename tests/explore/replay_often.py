#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each kind of finding of `nmi-sim explore`, repeated by its token: --times N, and every time it must come."""
import argparse
import functools
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import explorer
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--times", type=int, default=1)
options = parser.parse_args()

FOUND = {
    "a sweep": ["--window", "exchange", "--fault", "unset-then-set"],
    "a sweep of a thread's end": ["--window", "vcpu-exit", "--flavor", "bp"],
    "a map of one row": ["--window", "do_nmi-map", "--fault", "no-grace-period"],
    "a reduced map with store buffers": ["--window", "read-map", "--fault", "no-grace-period", "--memory", "tso"],
}


explore = functools.partial(explorer.explore, options.program)


@functools.lru_cache(maxsize=None)
def first_token(*words):
    report = json.loads(explore("--json", *words).stdout)["reports"][0]
    return next(f["token"] for f in report.get("findings", report.get("cells", [])) if f.get("token"))


def repeated(words):
    def case():
        token = first_token(*words)
        codes = [explore("-q", "--replay", token).returncode for _ in range(options.times)]
        came = codes.count(3)
        print(f"# {came} of {options.times}: {token}")
        assert came == options.times, codes
    return case


def held():
    token = first_token(*FOUND["a map of one row"])
    process = subprocess.Popen([options.program, "explore", "-q", "--replay", token, "--hold"], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        line = process.stdout.readline()
        assert line.startswith("held: process "), line
        words = line.replace(",", "").split()
        pid, reader, updater = (int(words[words.index(w) + 1]) for w in ("process", "reader", "updater"))
        for tid in (reader, updater):
            state = pathlib.Path(f"/proc/{pid}/task/{tid}/stat").read_text().rpartition(")")[2].split()[0]
            assert state == "S", state
        assert f"gdb -p {pid} " in process.stdout.readline()
        rest = process.communicate("\n", timeout=60)[0]
        assert process.returncode == 3, rest
        assert token in rest, rest
    finally:
        process.kill()
        process.wait()


def refused():
    token = first_token(*FOUND["a sweep"])
    before, _, behind = token.partition("=")
    other = before + "=0123456789abcdef" + behind[16:]
    done = subprocess.run([options.program, "explore", "--replay", other], text=True, timeout=60, capture_output=True, check=False)
    assert done.returncode == 77, done
    assert "is another build: " in done.stdout, done.stdout
    for words in (["--replay", "nonsense"], ["--replay", ""], ["--hold"], ["--replay", token, "--window", "read"]):
        done = subprocess.run([options.program, "explore", *words], text=True, timeout=60, capture_output=True, check=False)
        assert done.returncode == 2, (words, done)


CASES = [(f"a finding of {name} comes again, each time", repeated(words)) for name, words in FOUND.items()]
CASES += [("a replayed run is held until Enter is pressed", held),
          ("the token of another build is refused, and what contradicts a token", refused)]
tap.run(CASES)
