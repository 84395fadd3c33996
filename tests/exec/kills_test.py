#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nmi-sim killed at random moments: NMISIM_EXEC_KILLS=200 for more of them, NMISIM_EXEC_SEED for the same ones again."""
import concurrent.futures
import fcntl
import json
import os
import pathlib
import random
import shutil
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


def drawn(rng):
    how = rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    words = rng.choice([[], ["--each-call"], ["--each-call", "--jobs", "3"], ["--profile"], ["--signal", "USR1", "--function", "torn_work"],
                        ["--signal", "USR1", "--function", "straight_work", "--calls", "each"]])
    return how, words, 3 * rng.random() ** 2  # most of them early


def one_kill(number, how, words, moment):
    mark = f"nmi-sim-kills-{os.getpid()}-{number}"
    script = f"'{options.fixture}' copy_blocks 2 {mark} & '{options.fixture}' threads {mark}; wait"
    command = ["sh", "-c", script, mark]
    if "--function" in words:
        command = [options.fixture, *(["torn_often", "400", "2", "straight"] if "--calls" in words else ["torn_pair_unseen", "100"]), mark]
    baseline = [] if "--profile" in words else ["--baseline", "1"]
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = pathlib.Path(folder) / "r.json"
        child = subprocess.Popen([options.program, "exec", "--json", "-o", path, *baseline, *words, "--", *command], text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        try:
            out, _ = child.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            child.send_signal(how)
            out, _ = child.communicate(timeout=TIMEOUT)
        left = not gone(mark) and processes(mark)
        for pid, _ in left or []:
            os.kill(int(pid), signal.SIGKILL)
        expect(not left, left)
        judge(path, command, how, child.returncode, out)


def judge(path, command, how, code, out):
    files = sorted(one.name for one in path.parent.iterdir())
    text = path.read_text() if path.exists() else ""
    expect(text == "" or json.loads(text)["command"] == command, files, len(text))
    if code in (0, 1, 3):  # it had ended before
        expect(files == [path.name] and out == text, code, files, len(out), len(text))
    elif code == -how and how != signal.SIGKILL and out:
        # Its file comes first. What stops it while it writes to us may leave us a part.
        report = json.loads(text)
        expect(files == [path.name] and text.startswith(out), files, len(out), len(text))
        expect(report["complete"] or (report["verdict"] == "stopped" and out == text), report["verdict"], len(out), len(text))
    elif code == -how:  # at once, or before it had begun
        temporary = {one for one in files if how == signal.SIGKILL and one.startswith(".nmi-sim.")}  # a file that was being written
        expect(set(files) - temporary <= {path.name, path.name + ".journal"}, files)
        if path.name + ".journal" in files:
            expect_read(f"{path}.journal", command)
    else:
        expect(False, code)


def expect_read(journal, command):
    done = subprocess.run([options.program, "merge", "--json", journal], capture_output=True, text=True, check=False)
    expect(done.stdout != "" and Result(done).json["command"][0] == command[0], done.stderr)


@case
def random_kills():
    """killed at a random moment: no process is left, running or stopped, no temporary file, and what is finished can be read"""
    rng = random.Random(SEED)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        kills = [(seen := drawn(rng), pool.submit(one_kill, number, *seen)) for number in range(KILLS)]
        for number, (seen, kill) in enumerate(kills):
            try:
                kill.result()
            except Exception as e:
                raise AssertionError(f"kill {number} of seed {SEED}, {seen}: {e!r}") from e
    print(f"# {KILLS} kills, seed {SEED}")


def at_call(call, how, number, words, path=()):
    """`nmi-sim exec WORDS`, which gets this signal in its first, or second, such call (on that path); these calls, as strace(1) shows them."""
    if shutil.which("strace") is None:
        raise tap.Skipped("strace(1) is not there")
    done = subprocess.run(["strace", "-qq", *path, "-e", f"trace={call}", "-e", f"inject={call}:signal={how.name}:when={number}", options.program,
                           "exec", "--quiet", "--baseline", "1", *words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    expect(done.returncode == -how, done.returncode, done.stdout, done.stderr)
    return [line for line in done.stderr.splitlines() if line.startswith(f"{call}(")]


@case
def journal_or_report():
    """a SIGTERM while the report takes its journal's place waits until it has; a SIGKILL leaves no journal without its head"""
    command = [options.fixture, "copy_blocks", "1"]
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        journal = f"{folder}/r.json.journal"
        words = ["-o", f"{folder}/r.json", "--each-call=read", "--limit", "1", "--", *command]
        renames = at_call("rename", signal.SIGTERM, 2, words)
        expect(f'"{folder}/r.json"' in renames[1] and os.listdir(folder) == ["r.json"], renames, os.listdir(folder))
        at_call("write", signal.SIGKILL, 1, words, ["-P", journal])
        expect_read(journal, command)


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
