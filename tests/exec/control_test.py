#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is compared with what, when a run ends, what is left of it, and what is said to whom."""
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from exec_support import CASES, TIMEOUT, case, delivered, expect, expect_clean, fixture, options, processes, run, tap


@case
def prints_pid():
    """what differs between plain runs is not compared, and the report says so"""
    result = run(command=[options.fixture, "prints_pid"])
    expect(result.code == 0 and result.json["baseline"]["unstable"] == ["stdout"], *result.shown())


@case
def nothing_left():
    """a command that differs from itself in all that is compared is not judged"""
    result = run("--compare", "stdout", command=[options.fixture, "prints_pid"])
    expect(result.code == 1 and result.verdict == "not-comparable" and "all that is compared" in result.json["why"],
           *result.shown())


@case
def differs_from_itself():
    """a command whose status differs from run to run is not judged"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        result = run(command=["sh", "-c", f"echo x >>{folder}/n; exit $(wc -l <{folder}/n)"])
        expect(result.code == 1 and result.verdict == "not-comparable" and "itself" in result.json["why"], *result.shown())


@case
def only_equal_at_first():
    """what two plain runs have in common by chance and a third has not is not compared, nor blamed on ptrace"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        script = f"echo x >>{folder}/n; sleep 0.3; case $(wc -l <{folder}/n) in 1|2) echo as;; *) echo otherwise;; esac"
        result = run(command=["sh", "-c", script])
        expect(result.code == 0 and result.json["baseline"]["unstable"] == ["stdout"], *result.shown())


@case
def flaky():
    """a difference that comes once and never again is told, and is no finding"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        # Runs: 1 and 2 plain, 3 traced, 4 the storm.
        result = run(command=[options.fixture, "flaky", f"{folder}/runs", "4"])
        expect(result.code == 0 and result.verdict == "same", *result.shown())
        expect([(d["seen"], d["runs"], d["counts"]) for d in result.json["differences"]] == [(1, 5, False)], *result.shown())


@case
def flaky_without_nmis():
    """what also comes in a run without NMIs while a difference is repeated is not compared"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        # Runs: 1 and 2 plain, 3 traced, 4 the storm, 5 without NMIs, 6 the storm again.
        script = f"echo x >>{folder}/n; sleep 0.3; case $(wc -l <{folder}/n) in 4|5|6) echo otherwise;; esac"
        result = run(command=["sh", "-c", script])
        expect(result.code == 0 and result.json["baseline"]["unstable"] == ["stdout"], *result.shown())


@case
def tracer():
    """a program that traces others is skipped, and the report names ptrace"""
    result = fixture("tracer")
    expect(result.code == 77 and result.verdict == "absent" and "ptrace" in result.json["why"], *result.shown())
    expect(not result.json["storms"], *result.shown())


@case
def setuid():
    """who needs to run as another user cannot be looked at: 77, and why; who only may is left in peace, as the caller"""
    if os.getuid() != 0:
        raise tap.Skipped("only root can give a program to another user")
    nobody = 65534
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        os.chmod(folder, 0o755)
        for name, source in (("id", shutil.which("id")), ("fixture", options.static)):
            shutil.copy(source, f"{folder}/{name}")
            os.chown(f"{folder}/{name}", nobody, -1)
            os.chmod(f"{folder}/{name}", 0o4755)
        if subprocess.run([f"{folder}/id", "-u"], capture_output=True, text=True, check=True).stdout != f"{nobody}\n":
            raise tap.Skipped("programs do not change their user here (nosuid)")
        result = run(command=[f"{folder}/id", "-u"])
        expect(result.code == 77 and "need setuid" in result.json["why"], *result.shown())
        expect_clean(run("--baseline", "1", command=[f"{folder}/fixture", "sleeps_on"]))


@case
def daemon_left_behind():
    """a run ends with its command; what that left behind is ended with it"""
    mark = new_mark()
    result = fixture("daemon_left_behind", mark, words=["--timeout", "30s"])
    expect_clean(result)
    expect(result.json["storms"][0]["left_behind"] == 1, *result.shown())
    expect(not processes(mark), processes(mark))


@case
def wait_all():
    """with --wait all a run ends with the last of its processes"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        script = f"(sleep 0.3; echo late >{folder}/late) >/dev/null 2>&1 & sleep 0.1"
        compared = ["--compare", f"status,file={folder}/late"]
        result = run("--wait", "all", *compared, command=["sh", "-c", f"rm -f {folder}/late; {script}"])
        expect(result.json["baseline"]["runs"][0]["files"][0]["there"] is True, *result.shown())
        expect(result.json["storms"][0]["outcome"]["files"][0]["there"] is True, *result.shown())


@case
def wait_all_hangs():
    """... and one that never ends is a hang then, though the command has ended"""
    result = run("--wait", "all", "--timeout", "2s", "--compare", "status", command=["sh", "-c", f"{options.fixture} hangs & sleep 0.1"])
    expect(result.code == 3 and result.json["storms"][0]["outcome"]["hang"] is True, *result.shown())


MARKS = itertools.count()


def new_mark():
    """A word that tells the processes of one case from all others. Fixtures leave it alone."""
    return f"nmi-sim-{os.getpid()}-{next(MARKS)}"


def fixtures_alive(mark):
    """With the mark as their last word, as no shell that starts them has it."""
    return [one for one in processes(mark) if is_fixture(one[0])]


def is_fixture(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe") == os.path.realpath(options.fixture)
    except OSError:
        return False


def until(condition, seconds=TIMEOUT):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def start(*command):
    return subprocess.Popen([options.program, "exec", "--json", "--timeout", "1h", "--", *command], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@case
def signals_as_found():
    """the command starts with the signals that nmi-sim was started with, ignored and blocked as they were"""
    for line in ("SigBlk", "SigIgn"):
        own = subprocess.run(["grep", line, "/proc/self/status"], capture_output=True, text=True, check=True).stdout
        result = run(command=["grep", "-q", own.strip(), "/proc/self/status"])
        expect(result.json["baseline"]["runs"][0]["exit_status"] == 0, line, *result.shown())
        expect(result.json["baseline"]["traced"]["exit_status"] == 0, line, *result.shown())


def read_until(child, text):
    while line := child.stderr.readline():
        if text in line:
            return True
    return False


@case
def stopped():
    """SIGINT and SIGTERM end every process of the command, keep what is finished, and are what nmi-sim dies of"""
    for number in (signal.SIGINT, signal.SIGTERM):
        for step, finished in (("plain run 1", 0), ("traced run", 2), ("storm, SA_RESTART on", 2)):
            mark = new_mark()
            child = start("sh", "-c", f"{options.fixture} sleeps_on {mark} & {options.fixture} sleeps_on {mark}; wait")
            expect(read_until(child, step), step)
            child.send_signal(number)
            out, _ = child.communicate(timeout=TIMEOUT)
            expect(child.returncode == -number, step, child.returncode)
            expect('"verdict": "stopped"' in out and '"complete": false' in out, step, out[:300])
            expect(out.count('"elapsed_ns"') >= finished, step, out.count('"elapsed_ns"'))
            expect(not fixtures_alive(mark), step, fixtures_alive(mark))


@case
def stopped_in_a_call():
    """... also while a call in the command's name does not come back"""
    done = subprocess.run([options.fixture, "terminates_who_asks", options.program, "exec", "-q", "--signal", "USR1", "--function", "torn_work",
                           "--", options.fixture, "torn_pair"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    expect(done.stdout.endswith(f"asked 1\nsignal {signal.SIGTERM.value}\n"), done.stdout[-300:], done.stderr)
    expect("stopped" in done.stdout, done.stdout)


def leaves_none(child, mark):
    """Kills nmi-sim. Whatever becomes of the test, nothing of it is left."""
    child.kill()
    child.communicate()
    try:
        expect(until(lambda: not fixtures_alive(mark), 60), fixtures_alive(mark))
    finally:
        for pid, _ in fixtures_alive(mark):
            os.kill(int(pid), signal.SIGKILL)


@case
def killed_in_a_plain_run():
    """a nmi-sim that is killed in a plain run takes the command with it"""
    mark = new_mark()
    child = start(options.fixture, "sleeps_long", mark)
    until(lambda: fixtures_alive(mark))
    leaves_none(child, mark)


@case
def killed():
    """a nmi-sim that is killed leaves no traced process behind, running or stopped"""
    mark = new_mark()
    child = start("sh", "-c", f"{options.fixture} sleeps_long {mark} & {options.fixture} sleeps_long {mark}; wait")
    for _ in range(2):
        until(lambda: len(fixtures_alive(mark)) == 2)
        plain = {pid for pid, _ in fixtures_alive(mark)}
        for pid in plain:  # a plain run ends here
            os.kill(int(pid), signal.SIGTERM)
        until(lambda: not plain & {pid for pid, _ in fixtures_alive(mark)})
    expect(read_until(child, "traced run"))
    until(lambda: len(fixtures_alive(mark)) == 2)
    leaves_none(child, mark)


@case
def not_found():
    """a command that is not there: 1, and its name"""
    result = run(command=["/no/such/program"])
    expect(result.code == 1 and "/no/such/program': No such file" in result.json["why"], *result.shown())


@case
def never_ends():
    """a command that does not end by itself is not judged, and the report says what to do"""
    result = run("--timeout", "500ms", command=["sleep", "1000"])
    expect(result.code == 1 and result.verdict == "not-comparable" and "timeout(1)" in result.json["why"], *result.shown())


@case
def usage():
    """the command stands behind --; what is wrong in front of it is refused"""
    for words, said in ((["true"], "behind --"), ([], "no command"), (["--"], "no command"), (["--restart", "maybe", "--", "true"], "maybe"),
                        (["--compare", "status,colour", "--", "true"], "colour"), (["--rate", "max", "--", "true"], "--rate max")):
        done = subprocess.run([options.program, "exec", *words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        expect(done.returncode == 2 and said in done.stderr, words, done.returncode, done.stderr)


@case
def stdin_and_options():
    """options behind -- are the command's; its standard input is the file that --stdin names, from its start in each run"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = os.path.join(folder, "in")
        pathlib.Path(path).write_text("input\n")
        result = run("--stdin", path, command=["sh", "-c", "sleep 0.3; cat -", "--json", "--help"])
        expect_clean(result)
        expect(result.json["storms"][0]["outcome"]["stdout"]["bytes"] == 6, *result.shown())
        result = run(command=["sh", "-c", "sleep 0.3; cat -"])
        expect(delivered(result) > 0 and result.json["storms"][0]["outcome"]["stdout"]["bytes"] == 0, *result.shown())


@case
def text():
    """the text ends with a verdict and the command, and with -o FILE the JSON is there beside it"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        result = run("-o", f"{folder}/report.json", command=[options.fixture, "sleeps_on"], json_report=False)
        last = result.text.splitlines()[-1]
        expect(result.code == 0 and last.startswith("PASS ") and last.endswith("exec-fixture sleeps_on"), result.text)
        expect('"schema": "nmi-sim-exec-1"' in pathlib.Path(f"{folder}/report.json").read_text())


tap.run(CASES, at_a_time=8)
