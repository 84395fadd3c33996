# SPDX-License-Identifier: MIT
"""One scenario of nmi-stress, from its configuration file to its results.

  waiting --> running --+--> ended by itself --------------------------------> judged by its JSON report
                        +--> over its limit --+--> ends after all -------> the same
                                              +--> looked at, killed ----> HUNG

A run leaves NAME.conf .json .html .log .repeat .result in its folder, and NAME.trace.json of a failure. NAME.pid is
there while it runs.
"""
import contextlib
import json
import math
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time
import typing
import zlib

GRACE_S = 3  # for what should end at once
RUNS = 3  # at most, while a run that does not catch its fault tells nothing
ENOUGH_NMIS = 2000  # a run that handled so many tells something
UNITS_S = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
# A sanitizer's last line, or UBSan's only one.
SANITIZER_REPORT = re.compile(r"^SUMMARY: ([A-Za-z]*Sanitizer: .*)|^.*: (runtime error: .*)", re.M)


def text_of(file):
    return file.read_text(errors="replace") if file.is_file() else ""


class Result(typing.NamedTuple):
    """How a scenario ended; the line in NAME.result."""
    verdict: str
    time: str
    figures: str

    def written(self, place, name):
        (place / f"{name}.result").write_text("\t".join(self) + "\n", errors="replace")
        return self


class Scenario:
    def __init__(self, folder, name):
        self.name, self.file = name, folder / f"{name}.conf"
        self.expect = "\n".join(self.comments("expect"))

    def comments(self, what):
        return re.findall(rf"^# {what}: *(.*)$", text_of(self.file), re.M)

    @property
    def about(self):
        return text_of(self.file).splitlines()[1].removeprefix("# ")

    def lost(self, place):
        return Result(f"lost: there is no {self.file} any more", "0s", "").written(place, self.name)

    def kept(self, place):
        """The result of an earlier run; None where there is none. What went well did so with its configuration."""
        words = text_of(place / f"{self.name}.result").rstrip("\n").split("\t")
        if words[0] == "ok" and text_of(place / f"{self.name}.conf") != text_of(self.file):
            return None
        return Result(*words) if len(words) == 3 else None


def wrong_in_correct_code(report, status):
    """The program's own verdict is not taken for granted: NMIs were handled, handlers swapped, every check looked at
    something and the books balance."""
    nmis, swaps, config, checks = report["nmis"], report["swaps"], report["config"], report["checks"]
    blind = [check["id"] for check in checks if check["looked_at"] == 0]
    silent = [source["source"] for source in report["sources"] if source["raised"] == 0]
    unhandled = [str(irq["irq"]) for irq in report["irqs"] if irq["handled"] == 0]
    for is_wrong, what in (
            (report["status"] != "pass" or status != 0, f"failed (exit {status}): {failed(report)}"),
            (blind or not checks, f"checked nothing: {', '.join(blind)}"),
            (nmis["handled"] == 0, "checked nothing: no NMI was handled"),
            (config["swap"] and swaps["done"] == 0, "checked nothing: no handler was swapped"),
            (silent, f"checked nothing: no NMI from source {', '.join(silent)}"),
            (unhandled, f"checked nothing: IRQ {', '.join(unhandled)} was not handled"),
            (config["onoff"] and report["hotplug"]["offlined"] == 0, "checked nothing: no vCPU was offlined"),
            (nmis["raised"] != sum(nmis[fate] for fate in ("handled", "coalesced", "rejected", "offline")), "the books do not balance"),
            (swaps["retired"] != swaps["reclaimed"], f"{swaps['retired']} handlers retired, {swaps['reclaimed']} reclaimed")):
        if is_wrong:
            return what
    return "ok"


def wrong_in_busted_code(report, status, wanted):
    if status == 3 and any(check["id"] == wanted and check["status"] == "fail" for check in report["checks"]):
        return "ok"
    if report["status"] == "pass":
        return "not caught: it passed"
    return f"not caught by {wanted} (exit {status}), but: {failed(report)}"


def told_nothing(report):
    """No check failed, few NMIs were handled, and it says itself that they are too few; with `rate = max` it cannot say so."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        report = json.loads(report)
        too_few = report["config"]["rate_max"] or any(remark["code"] == "few-handled" for remark in report["remarks"])
        return (too_few and report["nmis"]["handled"] < ENOUGH_NMIS
                and all(check["status"] != "fail" for check in report["checks"]))
    return False


def failed(report):
    return ", ".join(check["id"] for check in report["checks"] if check["status"] != "pass")


def judge(report, expect, status, sanitize):
    """"ok", or what is wrong; and figures."""
    figures, built = f"{report['nmis']['handled']} NMIs, {report['swaps']['done']} swaps", report["tool"]["sanitizer"]
    if not set(filter(None, sanitize.split(","))) <= set(built.split(",")):
        return f"not built with sanitizer {sanitize}, but {built}", figures
    if expect == "pass":
        return wrong_in_correct_code(report, status), figures
    wanted = expect.removeprefix("fail ")
    verdict = wrong_in_busted_code(report, status, wanted)
    return verdict, f"{figures}, caught by {wanted}" if verdict == "ok" else figures


def verdict_of(files, expect, status, sanitize):
    """Of a program that has ended: "ok", or what is wrong; and figures."""
    log, report = text_of(files("log")), text_of(files("json"))
    try:
        verdict, figures = judge(json.loads(report), expect, status, sanitize)
    except (ValueError, KeyError, TypeError, AttributeError):
        verdict, figures = f"its report cannot be read: {files('json').name}", ""
    if found := SANITIZER_REPORT.search(log):
        told = found[1] or f"UndefinedBehaviorSanitizer: {found[2]}"
        if told.startswith("ThreadSanitizer:") and "SEGV" not in told and expect != "pass":
            return "ok", f"caught by {told}"
        return f"REPORTED by {told}", figures
    if status > 128:
        known = {number.value: number.name.removeprefix("SIG") for number in signal.Signals}
        return f"CRASHED: signal {known.get(status - 128, status - 128)}", figures
    if status == 77:
        why = re.search(r"^nmi-sim: (.*)$", log, re.M)
        return f"skipped: {why[1] if why else ''}", figures
    if not report:
        return f"no report (exit {status}): " + "".join(log.splitlines()[-1:]), figures
    return verdict, figures


def look_at(pid, log):
    """Where the threads of a process are that does not end."""
    time.sleep(0.3)  # nmi-sim prints a status line
    lines = ["nmi-stress: over its limit; its threads:"]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        def field(name, task=task):
            try:
                return (task / name).read_text(errors="replace").strip()
            except OSError:
                return "?"
        state = re.search(r"^State:\t(.*)$", field("status"), re.M)
        lines.append(f"  {task.name} {field('comm')}, {state[1] if state else '?'}, waits in {field('wchan')}, "
                     f"system call {field('syscall').split(' ')[0]}")
    os.write(log.fileno(), ("\n".join(lines) + "\n").encode())


def ends(process, within_s):
    try:
        process.wait(within_s)
        return True
    except subprocess.TimeoutExpired:
        return False


class Runner:
    """Runs scenarios, each in the thread that calls run(). stop(), from a signal handler, ends those under way."""

    def __init__(self, program, options, lock):
        self.program, self.lock, self.under_way, self.stopped = str(program), lock, {}, False
        self.duration_s, self.patience_s, self.sanitize = options.duration, options.patience, options.sanitize
        os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=1")
        os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1")
        self.offered = self.printed("--help")

    def stop(self):
        """Notes it, then looks for what runs; wait_for() does it the other way round."""
        self.stopped = True
        for process in list(self.under_way.values()):
            process.terminate()

    def printed(self, *words):
        return subprocess.run([self.program, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              text=True, errors="replace", check=False).stdout

    def own_duration_s(self, file):
        """The duration that a scenario sets itself, in whole seconds, rounded up; None if it sets none."""
        if not re.search(r"^[ \t]*duration[ \t]*=", text_of(file), re.M):
            return None
        told = re.search(r"^duration = ([0-9.]+)(\S*)$", self.printed("--config", file, "--print-config"), re.M)
        return math.ceil(float(told[1]) * UNITS_S[told[2]]) if told else None

    def run(self, scenario, place, seed):
        """None if it was stopped."""
        if self.stopped:
            return None
        begin = time.monotonic()
        verdict, figures = self.verdict(scenario, place, seed)
        if self.stopped:
            (place / f"{scenario.name}.result").unlink(missing_ok=True)
            return None
        if verdict == "ok":  # the timeline of a failure is what is wanted
            (place / f"{scenario.name}.trace.json").unlink(missing_ok=True)
        return Result(verdict, f"{int(time.monotonic() - begin)}s", figures).written(place, scenario.name)

    def verdict(self, scenario, place, seed):
        name = scenario.name

        def files(suffix):
            return place / f"{name}.{suffix}"
        shutil.copyfile(scenario.file, files("conf"))
        for old in ("json", "result"):
            files(old).unlink(missing_ok=True)
        for why in scenario.comments(f"without {self.sanitize.replace(',', '-')}") if self.sanitize else []:
            return f"skipped: not with {self.sanitize}: {why}", ""
        # The scenario's number, so that the same --seed gives the same scenario the same seed, alone or not.
        command = [self.program, "--config", f"{name}.conf", "--seed", str((seed + zlib.crc32(os.fsencode(name))) % 1000000007)]
        own_s = self.own_duration_s(files("conf"))
        if own_s is None:
            command += ["--duration", f"{self.duration_s}s"]
        if "--report FILE" in self.offered:
            command += ["--report", f"{name}.html"]
        # NMIs that interrupt NMIs have no timeline.
        if scenario.expect == "pass" and "--trace FILE" in self.offered and not re.search("^nesting", text_of(files("conf")), re.M):
            command += ["--trace", f"{name}.trace.json"]
        files("repeat").write_text(f"cd {shlex.quote(str(place))} && {shlex.join(command)}\n", errors="surrogateescape")
        limit_s = (self.duration_s if own_s is None else own_s) + self.patience_s
        before = ""
        for number in range(1, RUNS + 1):
            with files("log").open("wb") as log:
                status, hung = self.wait_for([*command, "--output", f"{name}.json"], files, log, limit_s)
            verdict, figures = verdict_of(files, scenario.expect, status, self.sanitize)
            if hung:
                return f"HUNG: not over after {limit_s}s; killed", figures
            if before:
                verdict = before if verdict.startswith("skipped:") else verdict
                figures = ", ".join(filter(None, (figures, f"run {number}: before, fewer than {ENOUGH_NMIS} NMIs were handled")))
            if self.stopped or verdict == "ok" or scenario.expect == "pass" or not told_nothing(text_of(files("json"))):
                break
            before = verdict
            files("json").unlink()
        return verdict, figures

    def wait_for(self, command, files, log, limit_s):
        """The exit status as a shell tells it; and whether it hung."""
        hung = False
        process = subprocess.Popen(command, cwd=files("log").parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[self.lock])
        try:
            self.under_way[files("log").stem] = process
            if self.stopped:
                process.terminate()
            files("pid").write_text(f"{process.pid}\n")
            # It is given time: it was about to end, or was stopped together with this program, and goes on with it.
            if not ends(process, limit_s) and not ends(process, GRACE_S):
                hung = True
                process.send_signal(signal.SIGUSR1)
                look_at(process.pid, log)
                process.send_signal(signal.SIGINT)  # it may still be able to report
                ends(process, GRACE_S)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            del self.under_way[files("log").stem]
            files("pid").unlink(missing_ok=True)
        return (process.returncode if process.returncode >= 0 else 128 - process.returncode), hung
