#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nmi-sim killed at random moments: NMISIM_EXEC_KILLS=200 for more of them, NMISIM_EXEC_SEED for the same ones again."""
import fcntl
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from exec_support import CASES, TIMEOUT, Result, case, expect, options, processes, tap

KILLS = int(os.environ.get("NMISIM_EXEC_KILLS", "20"))
SEED = int(os.environ.get("NMISIM_EXEC_SEED", str(random.randrange(1 << 30))))


def gone(word):
    deadline = time.monotonic() + TIMEOUT
    while (left := processes(word)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not left


def one_kill(folder, number, rng, mark):
    how = rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    words = rng.choice([[], ["--each-call"], ["--each-call", "--jobs", "3"], ["--profile"], ["--signal", "USR1", "--function", "torn_work"]])
    path = folder / f"{number}.json"
    script = f"'{options.fixture}' copy_blocks 2 {mark} & '{options.fixture}' threads {mark}; wait"
    command = [options.fixture, "torn_pair_unseen", "100", mark] if "--function" in words else ["sh", "-c", script, mark]
    baseline = [] if "--profile" in words else ["--baseline", "1"]
    child = subprocess.Popen([options.program, "exec", "--json", "-o", str(path), *baseline, *words, "--", *command],
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    moment = 3 * rng.random() ** 2  # most of them early
    try:
        child.wait(moment)
    except subprocess.TimeoutExpired:
        child.send_signal(how)
    out, _ = child.communicate(timeout=TIMEOUT)
    seen = (how.name, words, moment, child.returncode)
    left = not gone(mark) and processes(mark)
    for pid, _ in left or []:
        os.kill(int(pid), signal.SIGKILL)
    expect(not left, seen, left)
    files = sorted(one.name for one in folder.iterdir())
    if child.returncode in (0, 1, 3):  # it had ended before
        expect(files == [path.name], seen, files)
    elif child.returncode == -how and how != signal.SIGKILL and out:
        report = json.loads(out)  # a whole one: it was done, and on its way out
        expect(files == [path.name] and (report["verdict"] == "stopped") != report["complete"], seen, files, report["verdict"])
    elif child.returncode == -how:  # at once, or before it had begun
        temporary = {one for one in files if how == signal.SIGKILL and one.startswith(".nmi-sim.")}  # a report that was being written
        expect(set(files) - temporary <= {path.name, path.name + ".journal"}, seen, files)
        if path.name + ".journal" in files:
            merged = subprocess.run([options.program, "merge", "--json", str(path) + ".journal"], capture_output=True, text=True, check=False)
            expect(Result(merged).json["command"][0] == command[0], seen, merged.stderr)
    else:
        expect(False, seen)
    for one in folder.iterdir():
        one.unlink()


@case
def random_kills():
    """killed at a random moment: no process is left, running or stopped, no temporary file, and what is finished can be read"""
    rng = random.Random(SEED)
    mark = f"nmi-sim-kills-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        for number in range(KILLS):
            try:
                one_kill(pathlib.Path(folder), number, rng, mark)
            except AssertionError as e:
                raise AssertionError(f"kill {number} of seed {SEED}: {e}") from e
    print(f"# {KILLS} kills, seed {SEED}")


@case
def nobody_reads():
    """a report's file is whole, and its journal gone, before anybody reads standard output"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = pathlib.Path(folder) / "report.json"
        ours, theirs = os.pipe()
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
        child = subprocess.Popen([options.program, "exec", "--quiet", "--json", "-o", path, "--signal", "USR1", "--function", "torn_work", "--limit", "60",
                                  "--", options.fixture, "torn_pair", "2"], stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        deadline = time.monotonic() + 60
        while not path.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        there = path.exists() and child.poll() is None  # it cannot end: what it has to say does not fit
        child.send_signal(signal.SIGTERM)
        child.wait(TIMEOUT)
        os.close(ours)
        expect(there and child.returncode == -signal.SIGTERM, there, child.returncode)
        expect([one.name for one in pathlib.Path(folder).iterdir()] == [path.name], os.listdir(folder))
        expect(json.loads(path.read_text())["complete"], path.read_text()[:200])


tap.run(CASES)
