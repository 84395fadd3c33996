#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nmi-stress itself, against a program that hangs, crashes, checks nothing or lies; and its scenarios against nmi-sim."""
import argparse
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/stress"))
import scenario

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--script", type=pathlib.Path, required=True)
parser.add_argument("--program", required=True, help="the real nmi-sim")
options = parser.parse_args()
FAKE = pathlib.Path(__file__).with_name("fake_nmi_sim")
os.environ["NMI_SIM"] = os.path.abspath(options.program)
scratch = tempfile.TemporaryDirectory(prefix="nmi-stress-")


class Stress:
    """A folder of made-up scenarios, and runs over them."""

    def __init__(self, **scenarios):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
        self.output = self.folder / "results"
        self.log = self.folder / "log"
        self.log.touch()
        for name, (expect, how) in scenarios.items():
            (self.folder / f"{name}.conf").write_text(f"# what it is\n# expect: {expect}\n# fake: {how}\n")

    def command(self, *words):
        length = [] if "--resume" in words else ["--duration", "1"]
        return [options.script, "--folder", self.folder, "--program", FAKE, "--output", self.output, *length,
                "--patience", "1", *words]

    def run(self, *words, **env):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=100, check=False,
                              env=os.environ | {"FAKE_LOG": str(self.log)} | env)
        self.code, self.text = done.returncode, done.stdout + done.stderr
        return self

    def line(self, name):
        return re.search(rf"^\w+ +{name} .*$", self.text, re.M).group(0)

    def ran(self):
        return [line.split() for line in self.log.read_text().splitlines()]

    def page(self):
        return re.search(r"<title>nmi-stress: (\w+)</title>", (self.output / "index.html").read_text()).group(1)

    def latest(self, name):
        return (self.output / "latest" / name).read_text()


# Title of the case: what is expected, what nmi-sim does, and how its line begins and what it says.
JUDGED = {
    "a correct scenario passes": ("pass", "good", "ok", "7 NMIs, 3 swaps"),
    "a BUSTED scenario that is caught passes": ("fail grace-period", "caught", "ok", "caught by grace-period"),
    "a correct scenario that fails, fails": ("pass", "caught", "FAIL", "failed (exit 3): grace-period"),
    "a report of a failure with exit code 0 fails": ("pass", "lies", "FAIL", "failed (exit 0): grace-period"),
    "a BUSTED scenario that passes fails": ("fail grace-period", "good", "FAIL", "not caught: it passed"),
    "a BUSTED scenario caught by another check fails": ("fail grace-period", "caught-by-another", "FAIL", "not caught by grace-period (exit 3), but: nesting"),
    "a BUSTED scenario that had too little CPU time runs again": ("fail grace-period", "starved-then-caught", "ok", "7 NMIs, 3 swaps, caught by grace-period, run 2: before"),
    "a starved BUSTED scenario that ends without a report fails": ("fail grace-period", "starved-then-no-report", "FAIL", "no report (exit 1):  (run 2: before"),
    "a starved BUSTED scenario that is skipped then fails": ("fail grace-period", "starved-then-cannot", "FAIL", "not caught by grace-period (exit 3), but: grace-period (run 2"),
    "a starved BUSTED scenario caught by another check then fails": ("fail grace-period", "starved-then-by-another", "FAIL", "but: nesting (7 NMIs, 3 swaps, run 2"),
    "a BUSTED scenario that never had enough CPU time fails": ("fail grace-period", "starved", "FAIL", "not caught: it passed (1999 NMIs, 3 swaps, run 3: before"),
    "a BUSTED scenario with rate = max that never had enough CPU time fails": ("fail grace-period", "starved-at-rate-max", "FAIL", "not caught: it passed (1999 NMIs, 3 swaps, run 3: before"),
    "a scenario without NMIs fails": ("pass", "no-nmi", "FAIL", "checked nothing: no NMI was handled"),
    "a scenario without swaps fails": ("pass", "no-swap", "FAIL", "checked nothing: no handler was swapped"),
    "a scenario in which no vCPU went offline fails": ("pass", "no-offline", "FAIL", "checked nothing: no vCPU was offlined"),
    "a scenario with a source that raised nothing fails": ("pass", "no-source", "FAIL", "checked nothing: no NMI from source ipi"),
    "a scenario with an IRQ that nobody handled fails": ("pass", "no-irq", "FAIL", "checked nothing: IRQ 1 was not handled"),
    "a check that looked at nothing fails": ("pass", "no-look", "FAIL", "checked nothing: grace-period"),
    "books that do not balance fail": ("pass", "unbalanced", "FAIL", "the books do not balance"),
    "a handler that is not reclaimed fails": ("pass", "leaky", "FAIL", "3 handlers retired, 2 reclaimed"),
    "a crash fails": ("pass", "crash", "FAIL", "CRASHED: signal SEGV"),
    "a BUSTED scenario that crashes fails": ("fail grace-period", "crash", "FAIL", "CRASHED: signal SEGV"),
    "a scenario without a report fails": ("pass", "no-report", "FAIL", "no report (exit 1): nmi-sim: cannot start"),
    "a report that cannot be read fails": ("pass", "garbage", "FAIL", "its report cannot be read"),
    "a race that is reported fails a correct scenario": ("pass", "racy", "FAIL", "REPORTED by ThreadSanitizer: data race a.cpp:7 in f"),
    "a race that is reported catches a BUSTED scenario": ("fail grace-period", "racy", "ok", "caught by ThreadSanitizer: data race a.cpp:7 in f"),
    "a use after free fails, also a BUSTED scenario": ("fail grace-period", "overflows", "FAIL", "REPORTED by AddressSanitizer: heap-use-after-free"),
    "undefined behaviour fails": ("pass", "undefined", "FAIL", "UndefinedBehaviorSanitizer: runtime error: signed"),
    "a run that skipped everything has not passed": ("pass", "cannot", "skip", "this kernel lacks something"),
}
TOGETHER = {} # runs, by how they end


def judged(title):
    """Together with all that end as well or as badly: each has a line of its own."""
    word = JUDGED[title][2]
    names = {f"s{n}": row for n, row in enumerate(JUDGED.values()) if row[2] == word}
    name = next(name for name, row in names.items() if row is JUDGED[title])
    code = 0 if word == "ok" else 1

    def case():
        if word not in TOGETHER:
            TOGETHER[word] = Stress(**{name: row[:2] for name, row in names.items()}).run("--jobs", "2")
        s = TOGETHER[word]
        assert s.line(name).startswith(word) and JUDGED[title][3] in s.line(name), s.text
        assert s.code == code and s.page() == ("FAIL" if code else "PASS"), (s.code, s.page())
        assert s.text.count(f"repeat: cd {s.output}") == (len(names) if word == "FAIL" else 0), s.text
    return title, case


def one_of_two():
    s = Stress(bad=("pass", "caught"), good=("pass", "good")).run()
    assert s.line("bad").startswith("FAIL") and s.line("good").startswith("ok") and s.code == 1 and s.page() == "FAIL", s.text


def again():
    """Nothing else is: what a run with enough NMIs does not catch, or one that says nothing against itself; correct code;
    what ThreadSanitizer has caught."""
    s = Stress(once=("fail grace-period", "good"), missed=("fail grace-period", "missed"),
               most=("fail grace-period", "missed-at-rate-max"), thrice=("fail grace-period", "starved"),
               correct=("pass", "starved-then-caught"), race=("fail grace-period", "racy-and-starved")).run()
    assert sorted(name for name, _ in s.ran()) == ["correct", "missed", "most", "once", "race", "thrice", "thrice", "thrice"], s.ran()
    assert "failed (exit 3)" in s.line("correct") and s.line("race").startswith("ok") and "run" not in s.line("once"), s.text


def hang():
    s = Stress(stuck=("pass", "hang"), fine=("pass", "good"))
    begin = time.monotonic()
    s.run("--jobs", "2")
    assert time.monotonic() - begin < 60
    assert "HUNG: not over after 2s; killed" in s.line("stuck") and s.line("fine").startswith("ok") and s.code == 1, s.text
    report = s.latest("stuck.log")
    assert "over its limit; its threads:" in report and re.search(r"\d+ \w+, \w \(\w+\), waits in", report), report
    left = subprocess.run(["pgrep", "-f", f"{FAKE} --config stuck.conf"], capture_output=True, text=True, check=False)
    assert not left.stdout, "the hung program is still there"


def repeat():
    s = Stress(a=("pass", "leaky"), b=("pass", "good")).run("--seed", "7")
    seeds = dict(s.ran())
    command = s.line("a") and re.search(r"repeat: (.*)", s.text).group(1)
    subprocess.run(["bash", "-c", command], check=True, capture_output=True, env=os.environ | {"FAKE_LOG": str(s.log)})
    assert s.ran()[-1] == ["a", seeds["a"]], s.ran()
    blank = Stress(**{"two words": ("pass", "leaky")}).run()
    command = re.search(r"repeat: (.*)", blank.text).group(1)
    subprocess.run(["bash", "-c", command], check=True, capture_output=True, env=os.environ | {"FAKE_LOG": str(blank.log)})
    assert len(blank.ran()) == 2 and blank.ran()[0] == blank.ran()[1], blank.ran()
    s.run("--seed", "7", "--scenarios", "b")
    assert s.ran()[-1] == ["b", seeds["b"]] and seeds["a"] != seeds["b"], s.ran()


def own_duration():
    """However it is written; and the limit for a hung one follows from it."""
    s = Stress(a=("pass", "slow\nduration = 1.5m"), b=("pass", "good\n  duration=300ms # short"), c=("pass", "good\n# duration = 7s"),
               d=("pass", "hang\nduration = 0.1ms"))
    s.run("--duration", "2")
    assert s.line("a").startswith("ok") and s.line("b").startswith("ok") and "HUNG: not over after 2s" in s.line("d"), s.text
    told = {name: re.findall(r"--duration (\S+)", s.latest(f"{name}.repeat")) for name in "abcd"}
    assert told == {"a": [], "b": [], "c": ["2s"], "d": []}, told


def own_duration_is_read():
    """What the real nmi-sim prints is understood: the limit is told where a scenario hangs, so one that never ends is run."""
    runner = scenario.Runner(options.program, argparse.Namespace(duration=1, patience=1, sanitize=""), lock=None)
    for text, wanted in (("90", 90), ("90s", 90), ("1.5s", 2), ("1500ms", 2), ("1.5m", 90), ("2min", 120), ("2h", 7200), ("7us", 1),
                         ("7\u00b5s", 1), ("7ns", 1), ('"5s" # quoted', 5), ("8760h", 31536000), ("0", 0)):
        conf = pathlib.Path(scratch.name) / "duration.conf"
        conf.write_text(f"rate = 1k\n duration= {text}\n")
        assert runner.own_duration_s(conf) == wanted, (text, runner.own_duration_s(conf))


def stopped_for_a_while():
    """Ctrl-Z and fg: the limit has passed meanwhile, and the scenario has not hung."""
    s = Stress(a=("pass", "slow\nduration = 2s"))
    process = subprocess.Popen(s.command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"FAKE_LOG": str(s.log)}, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not s.ran() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(4)
        os.killpg(process.pid, signal.SIGCONT)
        text, _ = process.communicate(timeout=100)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0 and "PASS: 1 passed" in text, text


def resume():
    s = Stress(a=("pass", "good"), b=("pass", "crash"), c=("fail grace-period", "caught")).run("--seed", "3")
    assert s.code == 1
    first = dict(s.ran())
    (s.folder / "b.conf").write_text((s.folder / "b.conf").read_text().replace("crash", "good"))
    s.run("--resume")
    assert s.ran()[3:] == [["b", first["b"]]], s.ran()
    assert s.code == 0 and "PASS: 2 passed, 1 BUSTED caught, 0 failed" in s.text, s.text
    assert len(list(s.output.glob("2*"))) == 1


def resume_its_own():
    """A run over some scenarios stays one over these; what is not to run again keeps its line."""
    s = Stress(a=("pass", "good"), b=("pass", "crash"), c=("pass", "crash"), d=("pass", "good"))
    s.run("--scenarios", "[abc]", "--seed", "4")
    for name in "bc":
        (s.folder / f"{name}.conf").write_text((s.folder / f"{name}.conf").read_text().replace("crash", "good"))
    s.run("--resume", "--scenarios", "b")
    assert [n for n, _ in s.ran()] == ["a", "b", "c", "b"], s.ran()
    assert s.code == 1 and "FAIL: 2 passed, 0 BUSTED caught, 1 failed" in s.text, s.text
    lines = sorted(line.split()[1::-1] for line in s.latest("summary").splitlines() if re.match("ok|FAIL ", line))
    assert lines == [["a", "ok"], ["b", "ok"], ["c", "FAIL"]], s.text
    done = subprocess.run([options.script, "--output", s.output, "--resume"], capture_output=True, text=True, timeout=100,
                          check=False, env=os.environ | {"FAKE_LOG": str(s.log)})
    assert done.returncode == 0 and "PASS: 3 passed" in done.stdout, (done.stdout, done.stderr)
    assert [n for n, _ in s.ran()[4:]] == ["c"], s.ran()


def resume_what_is_gone():
    """Neither another folder nor a scenario that is gone turns a failure into a pass."""
    s = Stress(a=("pass", "good"), b=("pass", "crash")).run("--seed", "3")
    conf = (s.folder / "b.conf").read_text()
    (s.folder / "b.conf").unlink()
    (s.folder / "c.conf").write_text(conf)
    other = Stress(a=("pass", "good"))
    for words in ([], ["--folder", other.folder], ["--scenarios", "a"]):
        s.run("--resume", *words)
        assert s.code == 1 and s.line("b").startswith("FAIL") and "b.conf any more" in s.line("b") and s.page() == "FAIL", s.text
        assert "FAIL: 1 passed, 0 BUSTED caught, 1 failed" in s.text and len(s.ran()) == 2, (s.text, s.ran())
    (s.folder / "b.conf").write_text(conf.replace("crash", "good"))
    assert s.run("--resume").code == 0 and [n for n, _ in s.ran()] == ["a", "b", "b"], (s.text, s.ran())


def resume_what_has_changed():
    """A result is one of the configuration that it was got with."""
    s = Stress(a=("pass", "good"), b=("pass", "good"), c=("fail grace-period", "caught")).run("--seed", "3")
    for name in "ac":
        conf = s.folder / f"{name}.conf"
        conf.write_text(re.sub("good|caught", "leaky", conf.read_text()))
    s.run("--resume", "--scenarios", "a")
    assert s.code == 1 and [n for n, _ in s.ran()[3:]] == ["a"], s.text
    assert s.line("a").startswith("FAIL") and s.line("b").startswith("ok") and s.line("c").startswith("open"), s.text
    assert s.run("--resume").code == 1 and [n for n, _ in s.ran()[4:]] == ["a", "c"], s.text
    assert "FAIL: 1 passed, 0 BUSTED caught, 2 failed" in s.text, s.text


def resume_without_report():
    s = Stress(a=("pass", "caught")).run()
    conf = s.folder / "a.conf"
    conf.write_text(conf.read_text().replace("caught", "no-report"))
    s.run("--resume")
    assert "no report (exit 1)" in s.line("a") and not (s.output / "latest/a.json").exists(), s.text


def resume_refuses():
    s = Stress(a=("pass", "good")).run("--seed", "3")
    for words in (["--seed", "3"], ["--duration", "2"], ["--jitter"], ["--soak", "2"]):
        done = subprocess.run([options.script, "--output", s.output, "--resume", *words], capture_output=True, text=True,
                              timeout=100, check=False)
        assert done.returncode == 2 and f"option '{words[0]}': --resume goes on with the settings" in done.stderr, done
    assert len(s.ran()) == 1, s.ran()
    assert "no scenario matches: b" in s.run("--resume", "--scenarios", "b").text and s.code == 2, s.text
    assert "the run to resume has ''" in s.run("--resume", "--sanitize", "thread").text and s.code == 2, s.text


# Makes the time before, or after, the start of a scenario's program a second longer. Read by each Python.
SLOW = """
import subprocess, time
init = subprocess.Popen.__init__
def slow(self, command, *more, **named):
    time.sleep(BEFORE if "--output" in command else 0)
    init(self, command, *more, **named)
    time.sleep(AFTER if "--output" in command else 0)
subprocess.Popen.__init__ = slow
"""


def slow_start(before, after):
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
    (folder / "sitecustomize.py").write_text(SLOW.replace("BEFORE", str(before)).replace("AFTER", str(after)))
    return {"PYTHONPATH": str(folder)}


def interrupted():
    for name, more in (("INT", {}), ("TERM", {}), ("HUP", {}), ("TERM", slow_start(0, 1))):
        s = Stress(a=("pass", "good"), b=("fail grace-period", "stops-when-asked"), c=("pass", "good"))
        process = subprocess.Popen(s.command("--patience", "600"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=os.environ | {"FAKE_LOG": str(s.log)} | more, start_new_session=True)
        try:
            deadline = time.monotonic() + 30
            while len(s.ran()) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(getattr(signal, f"SIG{name}"))
            text, _ = process.communicate(timeout=100)
        finally:
            with contextlib.suppress(ProcessLookupError): # all of the group has ended, as it should
                os.killpg(process.pid, signal.SIGKILL)
        left = subprocess.run(["pgrep", "-f", f"^[^ ]*bash {FAKE} --config [abc].conf|{s.output}"], capture_output=True, text=True, check=False)
        assert not left.stdout, f"SIG{name} left something behind"
        assert process.returncode == 130 and "INTERRUPTED: 1 passed" in text, (name, more, process.returncode, text)
        assert [n for n, _ in s.ran()] == ["a", "b"] and s.page() == "INTERRUPTED", (s.ran(), s.page())
        s.run("--resume", "--scenarios", "[ac]")
        assert s.page() == "INCOMPLETE", s.page()
        assert s.code == 1 and [n for n, _ in s.ran()] == ["a", "b", "c"], s.text
        assert re.search(r"^open +b +not run yet$", s.text, re.M) and "INCOMPLETE: 2 passed" in s.text and "1 not run," in s.text, s.text


def stale_pid():
    """A process that has the number of a scenario of a killed run is neither signalled nor pinned."""
    s = Stress(a=("pass", "crash"), b=("pass", "stops-when-asked")).run("--scenarios", "a", "--jitter")
    with subprocess.Popen(["sleep", "100"]) as innocent:
        cpus = os.sched_getaffinity(innocent.pid)
        (s.output / "latest" / "gone.pid").write_text(f"{innocent.pid}\n")
        (s.folder / "a.conf").write_text((s.folder / "a.conf").read_text().replace("crash", "stops-when-asked"))
        process = subprocess.Popen(s.command("--resume", "--patience", "60"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=os.environ | {"FAKE_LOG": str(s.log)}, start_new_session=True)
        try:
            deadline = time.monotonic() + 30
            while len(s.ran()) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5) # two rounds of the shuffle
            pinned = os.sched_getaffinity(innocent.pid)
            second = s.run("--resume")
            assert second.code == 2 and "another nmi-stress is running in" in second.text, second.text
            process.terminate()
            assert process.wait(timeout=100) == 130
            assert innocent.poll() is None and pinned == cpus, (innocent.poll(), pinned)
        finally:
            innocent.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def soak():
    s = Stress(a=("pass", "good")).run("--soak", "2", "--seed", "1")
    seeds = [seed for _, seed in s.ran()]
    assert s.code == 0 and len(seeds) >= 2 and len(set(seeds)) == len(seeds), s.text
    assert (s.output / "latest" / "round-2" / "a.json").exists()


def jitter():
    s = Stress(a=("pass", "good")).run("--jitter")
    assert s.code == 0 and "syntax error" not in s.text, s.text
    assert not running(s.output), "helpers are still there"


def running(text):
    return subprocess.run(["pgrep", "-f", str(text)], capture_output=True, text=True, check=False).stdout.split()


def children(pid):
    """Process ids of its children, with the CPU time that they have used, in s."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                found[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def jitters(cpus):
    """On those CPUs: each has its hog, and the scenario is pinned now to this one, now to that one. None outlives nmi-stress."""
    s = Stress(a=("pass", "stops-when-asked"))
    process = subprocess.Popen(s.command("--jitter", "--patience", "60"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=os.environ | {"FAKE_LOG": str(s.log)}, start_new_session=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    pinned, hogs = [], {}
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (len(hogs) < len(cpus) or {c for p in pinned if len(p) == 1 for c in p} != cpus):
            time.sleep(0.05)
            with contextlib.suppress(OSError, ValueError):
                pinned.append(os.sched_getaffinity(int(s.latest("a.pid"))))
            hogs = {pid: used for pid, used in children(process.pid).items() if used > 0.1}
        assert len(hogs) == len(cpus), hogs
        assert {c for p in pinned if len(p) == 1 for c in p} == cpus, pinned
        on = set().union(*(os.sched_getaffinity(pid) for pid in hogs))
        assert on <= cpus, on
        process.kill()
        process.wait()
        while time.monotonic() < deadline and any(pathlib.Path(f"/proc/{pid}").exists() for pid in hogs):
            time.sleep(0.05)
        assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in hogs), "a hog has outlived nmi-stress"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def jitters_on_all():
    jitters(os.sched_getaffinity(0))


def jitters_on_some():
    cpus = os.sched_getaffinity(0)
    if len(cpus) == 1:
        raise tap.Skipped("one CPU here")
    jitters({max(cpus)})


def kept():
    s = Stress(a=("pass", "good")).run("--seed", "5")
    assert "nmi-stress: 1 scenario, 1s each" in s.text, s.text
    assert "seed=5" in s.latest("settings") and "fake" in s.latest("versions") and "CPUs" in s.latest("versions")
    assert s.latest("summary").splitlines() == [line for line in s.text.splitlines() if not line.startswith(("nmi-stress:", "Pages:"))]
    for name in ("a.conf", "a.json", "a.log", "a.repeat", "a.result"):
        s.latest(name)


def nobody_reads():
    """As with `nmi-stress 2>&1 | head -n 1`."""
    s = Stress(a=("pass", "good"), b=("pass", "leaky"))
    with subprocess.Popen(s.command("--soak", "2"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"FAKE_LOG": str(s.log)}) as process:
        process.stdout.close()
        assert process.wait(timeout=100) == 1
    summary = s.latest("summary")
    rounds = len(s.ran()) // 2
    assert rounds and re.search(rf"^FAIL: {rounds} passed, .* {rounds} failed", summary, re.M), summary
    assert len(re.findall("^ok ", summary, re.M)) == len(re.findall("^FAIL ", summary, re.M)) == rounds and s.page() == "FAIL", summary


def closed():
    """Not even a closed stdout and stderr, whose numbers other files must not get."""
    s = Stress(a=("pass", "good"), b=("pass", "leaky"))
    command = " ".join(shlex.quote(str(word)) for word in s.command())
    done = subprocess.run(["bash", "-c", f"{command} <&- >&- 2>&-"], timeout=100, check=False, env=os.environ | {"FAKE_LOG": str(s.log)})
    summary = s.latest("summary")
    begins = [line.split()[0] for line in summary.splitlines()]
    assert done.returncode == 1 and begins == ["ok", "FAIL", "repeat:", "FAIL:"], (done, summary)
    assert "ok" not in s.latest("settings") + s.latest("a.log"), s.latest("settings")


def full():
    """A limit on the size of files stands for the full disk: of the settings, of a report, of the summary."""
    for limit in (50, 300, 600):
        s = Stress(**{name: ("pass", "good") for name in "abcdefgh"})
        done = subprocess.run([sys.executable, "-c", LIMITED, *map(str, s.command())],
                              capture_output=True, text=True, timeout=100, check=False, env=os.environ | {"FAKE_LOG": str(s.log), "LIMIT": str(limit)})
        assert done.returncode == 1 and "Traceback" not in done.stderr and "PASS" not in done.stdout, (limit, done)


# Python leaves RLIMIT_FSIZE's signal ignored: writing fails.
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]),) * 2)
os.execv(sys.argv[1], sys.argv[1:])
"""


def timeline():
    s = Stress(good=("pass", "good"), bad=("pass", "leaky"), busted=("fail grace-period", "caught")).run()
    assert [p.name for p in (s.output / "latest").resolve().glob("*.trace.json")] == ["bad.trace.json"], s.text


def other_build():
    """Also a fault that such a build catches: the sanitizer was asked for."""
    s = Stress(a=("pass", "good"), b=("fail grace-period", "caught"))
    for sanitize, built, code in (("thread", "none", 1), ("thread", "address,undefined", 1), ("address,undefined", "address", 1),
                                  ("address", "address,undefined", 0), ("thread", "thread", 0)):
        s.run("--sanitize", sanitize, SANITIZER=built)
        assert s.code == code, s.text
        for name in "ab":
            assert code == 0 or s.line(name).startswith("FAIL") and f"not built with sanitizer {sanitize}, but {built}" in s.line(name), s.text


def unsuitable():
    s = Stress(a=("pass\n# without thread: it loses signals", "crash"), b=("pass", "good")).run("--sanitize", "thread", SANITIZER="thread")
    assert s.line("a").startswith("skip") and "not with thread: it loses signals" in s.line("a") and s.code == 0, s.text
    assert [name for name, _ in s.ran()] == ["b"], s.ran()
    assert s.run("--sanitize", "address,undefined").line("a").startswith("FAIL"), s.text


def builds():
    """Where nothing was built: a build folder of its own, by a Meson and a ninja that only note what is asked."""
    root = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
    (root / "tools").mkdir()
    (root / "bin").mkdir()
    (root / "meson.build").touch()
    shutil.copy(options.script, root / "tools")
    shutil.copytree(options.script.parent / "stress", root / "tools/stress")
    for name, does in (("meson", 'mkdir -p "${@: -2:1}" && touch "${@: -2:1}/build.ninja"'),
                       ("ninja", f'mkdir -p "$2/src/cli" && cp {FAKE} "$2/src/cli/nmi-sim"')):
        (root / "bin" / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{root}/asked"\n{does}\n')
        (root / "bin" / name).chmod(0o755)
    s = Stress(a=("pass", "good"))
    for sanitize, folder in (("thread", "build-stress-thread"), ("address,undefined", "build-stress-address-undefined")):
        done = subprocess.run([root / "tools" / "nmi-stress", "--folder", s.folder, "--output", s.output, "--duration", "1",
                               "--sanitize", sanitize], capture_output=True, text=True, timeout=100, check=False,
                              env=os.environ | {"PATH": f"{root}/bin:{os.environ['PATH']}", "FAKE_LOG": str(s.log), "SANITIZER": sanitize})
        assert done.returncode == 0 and "PASS: 1 passed" in done.stdout, (done.stdout, done.stderr)
        asked = (root / "asked").read_text()
        assert f"-Db_sanitize={sanitize} " in asked and (root / folder / "src" / "cli" / "nmi-sim").exists(), asked
        assert f"/{folder}/src/cli/nmi-sim" in s.latest("a.repeat"), s.latest("a.repeat")


def usage():
    s = Stress(a=("pass", "good"))
    for words, text in ((["--jobs", "0"], "at least 1"), (["--duration", "1x"], "is not a time"), (["--frob"], "unexpected"),
                        (["--scenarios", "zzz"], "no scenario matches"), (["--seed"], "needs a value"),
                        (["--sanitize", "memory"], "neither"), (["--resume"], "nothing to resume")):
        s.run(*words)
        assert s.code == 2 and text in s.text, (words, s.code, s.text)
    for option in ("--build", "--program", "--folder", "--output", "--scenarios"):
        assert f"option '{option}': needs a value" in s.run(option, "").text and s.code == 2, s.text
    assert "/nowhere/nmi-sim is no program" in s.run("--program", "/nowhere/nmi-sim").text and s.code == 77, s.text
    (s.folder / "vague.conf").write_text("rate = 10k\n")
    assert "needs one line '# expect: pass'" in s.run().text and s.code == 2, s.text
    assert subprocess.run([options.script, "--build", "/nowhere"], capture_output=True, check=False).returncode == 77
    assert "Usage: nmi-stress" in s.run("--help").text and s.code == 0
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert subprocess.run(s.command("--help"), stdout=full, stderr=full, timeout=100, check=False).returncode == 1
    assert not s.output.exists(), "help that could not be printed began a run"


def scenarios_are_right():
    """nmi-sim takes each scenario, and each fault has one that names the check that `nmi-sim list` names."""
    listed = subprocess.run([options.script, "--list"], capture_output=True, text=True, check=True).stdout
    told = {name: expect for name, expect in re.findall(r"^(\S+) +(pass|fail [\w-]+)  ", listed, re.M)}
    assert len(told) > 20, listed
    folder = options.script.resolve().parent / "stress/scenarios"
    flavors, faults = set(), {}
    for name, expect in told.items():
        done = subprocess.run([options.program, "--config", folder / f"{name}.conf", "--print-config"], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)
        config = dict(re.findall(r"^(\S+) = (.*)$", done.stdout, re.M))
        assert (config["fault"] == "none") == (expect == "pass"), name
        if expect == "pass":
            flavors.add(config["flavor"])
        else:
            faults[config["fault"]] = expect.removeprefix("fail ")
    known = subprocess.run([options.program, "list", "faults"], capture_output=True, text=True, check=True).stdout
    assert faults == dict(re.findall(r"^  (\S+) .*\[caught by ([\w-]+)\]$", known, re.M))
    names = subprocess.run([options.program, "list", "--names", "flavors"], capture_output=True, text=True, check=True).stdout
    assert flavors == set(names.split())


tap.run([
    *map(judged, JUDGED),
    ("one scenario that fails is enough to fail", one_of_two),
    ("a scenario that a sanitizer cannot run is skipped with it, and only with it", unsuitable),
    ("--sanitize fails with a program that was built without", other_build),
    ("--sanitize builds in a folder of its own", builds),
    ("only a fault that was not caught by a run with too little CPU time is tried again", again),
    ("a hung scenario is looked at, killed and fails; the others go on", hang),
    ("a scenario's own duration is kept, and counts for its limit", own_duration),
    ("a duration is read as nmi-sim reads it", own_duration_is_read),
    ("a run that was stopped and goes on has not hung", stopped_for_a_while),
    ("the repeat command runs a scenario alone, with the same seed", repeat),
    ("--resume runs what has not ended as it must, and nothing else", resume),
    ("--resume keeps to the scenarios of its run, and to a summary of all of them", resume_its_own),
    ("--resume fails where a scenario is gone", resume_what_is_gone),
    ("--resume runs again what has changed since", resume_what_has_changed),
    ("--resume judges no scenario by an earlier report", resume_without_report),
    ("--resume refuses what would be another run", resume_refuses),
    ("SIGINT, SIGTERM and SIGHUP end the run and its program; --resume goes on", interrupted),
    ("a stale process id is left alone, and a results folder has one run at a time", stale_pid),
    ("--soak goes round with new seeds", soak),
    ("--jitter leaves nobody behind", jitter),
    ("--jitter has a hog for each CPU, and moves the scenarios", jitters_on_all),
    ("--jitter keeps to the CPUs that it was given", jitters_on_some),
    ("the results folder keeps settings, versions, reports and summary", kept),
    ("a run whose output nobody reads goes on, and its summary is whole", nobody_reads),
    ("a run whose output is closed goes on, and its files are its own", closed),
    ("a full disk is an error, and no pass", full),
    ("the timeline of a failure is kept, and of nothing else", timeline),
    ("mistakes are told, with exit code 2 or 77", usage),
    ("nmi-sim takes each scenario, and each fault has one", scenarios_are_right),
])
