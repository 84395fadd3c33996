#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a .spec file cannot say: signals to the program, closed streams, terminals, full disks.

Waits are bounded and on a condition: the program is told to stop when it has printed its header, which it
does when signals are already its own.
"""
import argparse
import json
import os
import pathlib
import pty
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
parser.add_argument("--fake", type=os.path.abspath, required=True)
options = parser.parse_args()
TIMEOUT = 60
CASES = []


def case(function):
    CASES.append((function.__doc__, function))
    return function


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k == "PATH" or k.endswith("SAN_OPTIONS")}
    return {**kept, "LC_ALL": "C", **more}


def start(*arguments, fake_run=None, **how):
    """Starts the program and returns when it runs."""
    env = environment(**({"FAKE_RUN": fake_run} if fake_run else {}))
    child = subprocess.Popen([options.fake if fake_run else options.program, *arguments], text=True,
                             stdout=how.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, env=env, **how)
    child.header = child.stderr.readline() + child.stderr.readline()
    return child


def end(child):
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    finally:
        child.kill()
    return child.returncode, out, err


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"saw {seen!r}")


@case
def first_interrupt():
    """the first SIGINT drains, reports an incomplete run and dies of SIGINT"""
    child = start("--json", "--duration", "1h")
    child.send_signal(signal.SIGINT)
    code, out, _ = end(child)
    report = json.loads(out)
    expect(code == -signal.SIGINT, code)
    expect(report["complete"] is False and report["stop_reason"] == "signal", report["stop_reason"])
    expect(report["stop_signal"] == "SIGINT", report["stop_signal"])
    expect(report["exit_code"] == 130 and report["status"] in ("pass", "incomplete"), report["exit_code"], report["status"])


@case
def terminate():
    """SIGTERM is the same, with its own number"""
    child = start("--duration", "1h", fake_run="slow")
    child.send_signal(signal.SIGTERM)
    code, out, _ = end(child)
    expect(code == -signal.SIGTERM, code)
    expect("note: the run ended early" in out and out.splitlines()[-1].startswith("PASS: nmi-sim"), out)


@case
def hang_up():
    """SIGHUP is the same, and the report's file is written"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-spec-") as folder:
        child = start("--duration", "1h", "-o", "run.json", fake_run="slow", cwd=folder)
        child.send_signal(signal.SIGHUP)
        code, out, _ = end(child)
        expect(code == -signal.SIGHUP and out.splitlines()[-1].startswith("PASS: nmi-sim"), code, out)
        report = json.loads((pathlib.Path(folder) / "run.json").read_text())
        expect(report["stop_signal"] == "SIGHUP" and report["complete"] is False, report["stop_signal"])
        expect(os.listdir(folder) == ["run.json"], os.listdir(folder))


@case
def no_hang_up():
    """where SIGHUP is ignored, as under nohup, a run goes on"""
    child = start("--duration", "1h", fake_run="slow", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    child.send_signal(signal.SIGHUP)
    child.send_signal(signal.SIGUSR1)
    line = child.stderr.readline()
    child.send_signal(signal.SIGTERM)
    code, _, _ = end(child)
    expect("raised" in line and code == -signal.SIGTERM, line, code)


@case
def second_signal_at_start():
    """the second signal ends the program at once also while it starts, and whichever the first was"""
    for first, second in ((signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGINT)):
        child = start(fake_run="slow-start")
        child.send_signal(first)
        child.send_signal(second)
        code, out, _ = end(child)
        expect(code in (-first, -second) and out == "", first, second, code, out)


@case
def second_signal_with_4096_vcpus():
    """so it does while thousands of vCPUs are started"""
    child = start("-c", "4096", "--duration", "1h")
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGINT)
    code, out, err = end(child)
    if code == 77:
        raise tap.Skipped(err.strip())
    expect(code in (-signal.SIGTERM, -signal.SIGINT) and out == "", code, out)


@case
def status_of_other_verbs():
    """SIGUSR1 ends no verb, whether it has a status or not"""
    for words, stream in ((["selftest"], "stdout"), (["explore", "--window", "read", "--window", "do_nmi", "--window", "read-map"], "stderr")):
        child = subprocess.Popen([options.program, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=environment())
        line = getattr(child, stream).readline()
        for _ in range(2):
            child.send_signal(signal.SIGUSR1)
            line = line and getattr(child, stream).readline()  # it goes on
        child.kill()
        child.communicate()
        if "nothing can be explored" in line:
            raise tap.Skipped(line.strip())
        expect(line, words, child.returncode)


@case
def interrupt_is_the_normal_end():
    """with --duration 0 SIGINT is the normal end"""
    child = start("--json", "--duration", "0", fake_run="slow")
    child.send_signal(signal.SIGINT)
    code, out, _ = end(child)
    report = json.loads(out)
    expect(code == 0 and report["complete"] and report["exit_code"] == 0, code, report["complete"])


@case
def second_interrupt():
    """the second SIGINT ends the program at once, without a report"""
    child = start(fake_run="slow-drain")
    child.send_signal(signal.SIGINT)
    while (line := child.stderr.readline()) != "fake: draining\n":
        expect(line, "the end of standard error")
    child.send_signal(signal.SIGINT)
    code, out, _ = end(child)
    expect(code == -signal.SIGINT and out == "", code, out)


@case
def background_job():
    """a program started with SIGINT ignored, as a script's background job, is stopped by it all the same"""
    child = start("--duration", "1h", fake_run="slow", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    child.send_signal(signal.SIGINT)
    code, _, _ = end(child)
    expect(code == -signal.SIGINT, code)


@case
def status_on_request():
    """SIGUSR1 prints a status line and the run goes on"""
    child = start("--duration", "1h", fake_run="slow")
    child.send_signal(signal.SIGUSR1)
    line = child.stderr.readline()
    child.send_signal(signal.SIGUSR1)
    second = child.stderr.readline()
    child.send_signal(signal.SIGTERM)
    code, _, _ = end(child)
    expect("raised" in line and "handled" in second and code == -signal.SIGTERM, line, second, code)


@case
def closed_stdout():
    """a closed standard output is an error and is not taken for another file"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-spec-") as folder:
        path = pathlib.Path(folder) / "run.json"
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', options.fake, "-o", str(path)], env=environment(),
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        expect(done.returncode == 1 and "cannot write to standard output: Bad file descriptor" in done.stderr,
               done.returncode, done.stderr)
        expect(json.loads(path.read_text())["status"] == "pass")


@case
def reader_that_went_away():
    """a reader that went away is no error: the exit code is the verdict's"""
    for fake_run, expected in (("pass", 0), ("fail", 3)):
        read_end, write_end = os.pipe()
        os.close(read_end)
        child = start(fake_run=fake_run, stdout=write_end)
        os.close(write_end)
        code, _, err = end(child)
        expect(code == expected and err == "", code, err)


@case
def full_stdout():
    """a full standard output is an error"""
    for arguments in (["--json"], ["--help"], ["list"], ["--version"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([options.fake, *arguments], stdout=full, text=True,
                                  stderr=subprocess.PIPE, env=environment(), timeout=TIMEOUT, check=False)
        expect(done.returncode == 1 and "No space left on device" in done.stderr, arguments, done.returncode, done.stderr)


def asleep_or_ended(child):
    """Returns when the program has ended, or has slept for long in one place: who waits for a processor does not sleep."""
    looks, deadline = 0, time.monotonic() + TIMEOUT
    while child.poll() is None and looks < 30 and time.monotonic() < deadline:
        state = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        looks = looks + 1 if state == "S" else 0
        time.sleep(0.01)


@case
def full_pipe():
    """a standard output that is full and non-blocking is waited for"""
    for arguments in (["--json"], ["--help"], ["list"], ["--dry-run", "--json"]):
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        filled = 0
        try:
            while True:
                filled += os.write(write_end, b"x" * 512)
        except BlockingIOError:
            pass
        child = subprocess.Popen([options.fake, *arguments], stdout=write_end, stderr=subprocess.PIPE, text=True, env=environment())
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            asleep_or_ended(child)
            out = pipe.read()[filled:]
        code, _, err = end(child)
        expect(code == 0 and err.count("\n") <= 2 and out.endswith(b"\n"), arguments, code, err, out[-100:])
        if "--json" in arguments:
            json.loads(out)


@case
def failed_run_that_nobody_reads():
    """a failed check without a standard output to say so is an error, and its file is written"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-spec-") as folder:
        path = pathlib.Path(folder) / "run.json"
        for redirection in (">&-", ">/dev/full"):
            for arguments in ([], ["--json"]):
                done = subprocess.run(["sh", "-c", f'exec "$0" "$@" {redirection}', options.fake, "-o", str(path), *arguments],
                                      env=environment(FAKE_RUN="fail"), capture_output=True, text=True, timeout=TIMEOUT,
                                      check=False)
                expect(done.returncode == 1 and "cannot write to standard output" in done.stderr, done.returncode, done.stderr)
                expect(json.loads(path.read_text())["status"] == "fail")
                path.unlink()


@case
def full_disk():
    """a report that does not fit on the disk leaves the old file and nothing else"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-spec-") as folder:
        path = pathlib.Path(folder) / "run.json"
        path.write_text("old")
        done = subprocess.run([options.fake, "-o", str(path)], env=environment(), capture_output=True, text=True, timeout=TIMEOUT,
                              check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        expect(done.returncode == 1 and "cannot write" in done.stderr, done.returncode, done.stderr)
        expect(path.read_text() == "old" and os.listdir(folder) == ["run.json"], os.listdir(folder))


def on_terminal(term):
    """What a run writes to a terminal that is its standard error."""
    try:
        ours, theirs = pty.openpty()
    except OSError as why: # a bare chroot has no /dev/pts
        raise tap.Skipped(f"no pseudo-terminal can be had: {why}") from why
    child = subprocess.Popen([options.fake, "--duration", "1h", "--affinity", "none"], stdout=subprocess.PIPE, stderr=theirs,
                             env=environment(TERM=term, FAKE_RUN="slow"))
    os.close(theirs)
    seen, stopped = b"", False
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # EIO: the other side is closed
            break
        if not piece:
            break
        seen += piece
        if not stopped and (b"raised" in seen or (term == "dumb" and b"SigQ" in seen)):
            child.send_signal(signal.SIGTERM)
            stopped = True
    child.communicate(timeout=TIMEOUT)
    os.close(ours)
    return seen.decode()


@case
def terminal():
    """on a terminal the status line is redrawn and gone at the end"""
    seen = on_terminal("xterm")
    expect("\r\x1b[K" in seen and seen.endswith("\r\x1b[K"), seen)


@case
def dumb_terminal():
    """a terminal that cannot redraw gets no escape sequence"""
    seen = on_terminal("dumb")
    expect("\x1b" not in seen and "SigQ" in seen, seen)


tap.run(CASES)
