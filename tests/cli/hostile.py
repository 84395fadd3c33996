#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs under bad conditions: killed, interrupted, a full disk, no stdout, a signal queue that another process fills, one
CPU, five hundred vCPUs. Each must have a clear end, and an output file must be complete or as it was.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake")
options = parser.parse_args()
scratch = tempfile.TemporaryDirectory(prefix="nmi-sim-hostile-")
folder = pathlib.Path(scratch.name)


started = []


def start(*words, **more):
    started.append(subprocess.Popen([options.program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more))
    return started[-1]


def leaving_nothing(case):
    """A run of a minute that a failed case leaves behind would disturb the cases after it."""
    def cleaned():
        try:
            case()
        finally:
            for process in started:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
            started.clear()
    return cleaned


def ended(process, code):
    out, err = process.communicate(timeout=100)
    assert process.returncode == code, (process.returncode, out, err)
    return out, err


def run(code, *words, **more):
    return ended(start(*words, **more), code)


def is_under_way(process):
    """The header is written after all is set up for signals."""
    assert "nmi-sim" in process.stderr.readline() and "seed=" in process.stderr.readline()


def has_handled(process):
    """Asks for status lines until NMIs have been handled."""
    while True:
        process.send_signal(signal.SIGUSR1)
        line = process.stderr.readline()
        assert line, "the end of standard error"
        handled = re.search(r"handled (\S+)/s", line)
        if handled and handled.group(1) != "0":
            return


def kill_9():
    file = folder / "kept.json"
    for old in (None, "what was there"):
        if old:
            file.write_text(old)
        process = start("--duration", "60s", "--output", file)
        is_under_way(process)
        has_handled(process)
        process.kill()
        ended(process, -signal.SIGKILL)
        assert (file.read_text() if file.exists() else None) == old


def interrupted():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        file = folder / f"{number}.json"
        process = start("--duration", "60s", "--output", file)
        is_under_way(process)
        has_handled(process)
        process.send_signal(number)
        out, _ = ended(process, -number)
        report = json.loads(file.read_text())
        assert report["complete"] is False and report["stop_reason"] == "signal" and report["nmis"]["handled"] > 0
        assert report["stop_signal"] == number.name and "Checks" in out
    assert {p.suffix for p in folder.iterdir()} == {".json"}, list(folder.iterdir())


def full_disk():
    with open("/dev/full", "w") as full:
        process = subprocess.Popen([options.program, "--duration", "200ms"], stdout=full, stderr=subprocess.PIPE, text=True)
        _, err = ended(process, 1)
        assert "cannot write to standard output: No space left on device" in err, err
    out, err = run(1, "--duration", "200ms", "--output", "/dev/full")
    assert "cannot write /dev/full: No space left on device" in err, err


def closed_stdout():
    _, err = run(1, "--duration", "200ms", preexec_fn=lambda: os.close(1))
    assert "cannot write to standard output" in err, err


QUEUE = 3000  # more than others of this user have pending, one hopes; less than anybody's hard limit
FILL = """
import ctypes, os, resource, select, signal, sys
resource.setrlimit(resource.RLIMIT_SIGPENDING, (%d, %d))
number = signal.SIGRTMIN + 9
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
libc = ctypes.CDLL(None)
def fill():
    while libc.sigqueue(os.getpid(), number, ctypes.c_void_p(0)) == 0: # kill() drops without a word where this refuses
        pass
fill()
print("full", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    fill() # a place that another's signal had meanwhile
""" % (QUEUE, QUEUE)


def limit():
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (QUEUE, QUEUE))


class Hoarder:
    """Another process of this user, which fills the user's queue of pending signals up to QUEUE."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", FILL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "full\n"

    def __exit__(self, *_):
        self.process.communicate(timeout=60)


def queue_full_before():
    with Hoarder(): # others may give a few places back meanwhile, not two thousand
        _, err = run(77, "--duration", "1s", "--cpus", "2", "--delivery", "queue", "--max-in-flight", "1000", preexec_fn=limit)
        assert "pending" in err and "ulimit -i" in err, err


def queue_full_meanwhile():
    file = folder / "queue.json"
    process = start("--duration", "3s", "--output", file, "--rate", "2k", preexec_fn=limit)
    is_under_way(process)
    with Hoarder():
        time.sleep(1.5)
    out, _ = ended(process, 0)
    nmis = json.loads(file.read_text())["nmis"]
    assert nmis["rejected"] > 0 and nmis["handled"] > 0, nmis
    assert nmis["raised"] == nmis["handled"] + nmis["coalesced"] + nmis["rejected"] + nmis["offline"], nmis
    assert "PASS" in out, out


def one_cpu():
    cpu = min(os.sched_getaffinity(0))
    out, _ = run(0, "--cpus", "2", "--duration", "500ms", preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    assert "PASS" in out and "note: 2 vCPUs and their injector share 1 CPU" in out, out
    out, _ = run(0, "--duration", "500ms", preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    assert "note: 1 vCPU and its injector share 1 CPU" in out, out


def many_vcpus():
    file = folder / "many.json"
    # The injector's turn among 512 spinning vCPUs may come once in a second.
    out, _ = run(0, "--cpus", "512", "--rate", "20", "--swap-interval", "100ms", "--duration", "4s", "--output", file)
    report = json.loads(file.read_text())
    assert "PASS" in out and len(report["cpus"]) == 512 and report["nmis"]["handled"] > 0


def little_memory():
    """Whatever it is that finds no room, the message says what is short; fewer vCPUs than one there are not."""
    if b"sanitizer none" not in subprocess.run([options.program, "--version"], capture_output=True, check=True).stdout:
        raise tap.Skipped("a sanitizer needs more memory than there is")
    told = 0
    for megabytes in range(12, 80, 4):
        done = subprocess.run([options.program, "-c", "1", "-d", "100ms", "-q", "--reclaim", "call_rcu"], capture_output=True, text=True,
                              check=False, timeout=100,
                              preexec_fn=lambda m=megabytes: resource.setrlimit(resource.RLIMIT_AS, (m << 20, m << 20)))
        if done.returncode == 127 or "nmi-sim: " not in done.stderr:
            continue  # the loader had no room for the program, or the run had enough
        told += 1
        assert done.returncode == 1 and re.search(r"^nmi-sim: (out of memory|.*(memory|ulimit))", done.stderr, re.M), done
        assert "fewer vCPUs" not in done.stderr and "--cpus" not in done.stderr, done
    assert told > 0, "no limit was between too little for the program and enough for the run"


def over_before_the_first():
    out, _ = run(3, "--rate", "1", "--duration", "100ms")
    assert "note: no NMI was due: at this rate the first comes after 1.00s" in out and "injector" not in out, out


def paused():
    process = start("--stall-timeout", "1s", "--cpus", "8", "--handler", "slow:100us", "--duration", "5s")
    is_under_way(process)
    time.sleep(0.5)
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    process.send_signal(signal.SIGCONT)
    ended(process, 0)


tap.run([(name, leaving_nothing(case)) for name, case in (
    ("kill -9 leaves an output file as it was", kill_9),
    ("SIGINT, SIGTERM and SIGHUP end a run with its report", interrupted),
    ("a full disk is told", full_disk),
    ("a closed stdout is told", closed_stdout),
    ("a signal queue that is full is told before the run", queue_full_before),
    ("a signal queue that others fill meanwhile is in the books", queue_full_meanwhile),
    ("one CPU", one_cpu),
    ("a process that was stopped for longer than the stall timeout has not stalled", paused),
    ("a run that is over before its first NMI says so", over_before_the_first),
    ("little memory is told as what is short", little_memory),
    ("512 vCPUs", many_vcpus),
)])
