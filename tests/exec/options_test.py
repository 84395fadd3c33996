#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which calls, which processes, which masks; limits; several runs at a time, shards, merged; the journal."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from exec_support import CASES, TIMEOUT, Result, case, delivered, expect, expect_clean, fixture, options, run, tap


def found(result):
    return sorted(p["at"] for p in result.json["placements"] if any(d["counts"] for d in p["differences"]))


def program(*words):
    return subprocess.run([options.program, *words], capture_output=True, text=True, timeout=TIMEOUT, check=False)


def rows(result, kind):
    return result.json["placements"] if kind == "call" else result.json["function"]["runs"]


def rows_of(report, kind):
    return [(one["at"], any(d["counts"] for d in one["differences"])) for one in (report["placements"] if kind == "call" else report["function"]["runs"])]


@case
def named_calls():
    """--each-call=NAME tries those calls alone, under the addresses that they always have; =all tries more"""
    usual = fixture("copy_blocks", "1", words=["--each-call", "--compare", "status"])
    reads = fixture("copy_blocks", "1", words=["--each-call=read", "--compare", "status"])
    tried = [(p["at"], p["call"]) for p in reads.json["placements"]]
    expect(tried and sorted(tried) == sorted((p["at"], p["call"]) for p in usual.json["placements"] if p["call"] == "read"), tried)
    every = fixture("copy_blocks", "1", words=["--each-call=all", "--limit", "1", "--compare", "status"])
    expect(every.json["calls"] > usual.json["calls"] > reads.json["calls"] == len(tried), every.json["calls"], usual.json["calls"])
    for name, said in (("reed", "'reed' is not a system call"), ("getpid", "can do nothing to 'getpid'")):
        done = program("exec", f"--each-call={name}", "--", "true")
        expect(done.returncode == 2 and said in done.stderr, done.stderr)


@case
def first_cause_first():
    """where all calls at once differ, halving finds a cause before each call is tried"""
    result = fixture("copy_blocks", "1", words=["--each-call"])
    first = result.json["placements"][0]
    expect(first["call"] == "read" and any(d["counts"] for d in first["differences"]), first)
    expect(result.json["calls"] > 10 and len(result.json["placements"]) == result.json["calls"], result.json["calls"])


@case
def one_hides_another():
    """a run with an NMI in each call that does not differ ends no search: two faults hid each other there"""
    for kind, words in (("naps", ["--each-call=clock_nanosleep,nanosleep"]), ("reads", ["--each-call=read", "--restart", "off"])):
        result = fixture("one_of_two", kind, words=words)
        expect(result.json["storms"][0]["outcome"]["stdout"] == result.json["baseline"]["runs"][0]["stdout"], kind, *result.shown())
        expect(result.code == 3 and len(found(result)) == 2, kind, found(result))


@case
def blocked():
    """with --place blocked an NMI comes only where a thread sleeps in its call, and never in the next one"""
    result = fixture("early_sleep", words=["--each-call", "--place", "blocked"], static=True)
    hit = [p["call"] for p in result.json["placements"] if p["delivered"]]
    expect(result.code == 3 and set(hit) <= {"nanosleep", "clock_nanosleep"} and len(found(result)) == 1, hit)
    result = fixture("copy_blocks", "1", words=["--each-call", "--place", "blocked"], static=True)
    expect(result.code == 1 and "--place entry" in result.json["why"], *result.shown())


@case
def mask_ignore():
    """--mask ignore opens the mask of a thread that blocks the NMI's signal, and says how often"""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        result = fixture("sleeps_on", words=["--mask", "ignore"])
        single = fixture("early_sleep", words=["--mask", "ignore", "--each-call=clock_nanosleep,nanosleep"])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    expect_clean(result)
    expect(result.json["storms"][0]["nmis"]["unmasked"] > 0, *result.shown())
    expect(single.code == 3 and len(found(single)) == 1, *single.shown())


@case
def follow_main():
    """--follow main leaves the command's children alone"""
    command = ["sh", "-c", f"{options.fixture} sleeps_on; :"]
    result = run("--follow", "main", command=command)
    paths = {row["path"] for row in result.json["storms"][0]["calls"]}
    expect(result.code == 0 and paths == {"0"} and delivered(result) > 0, paths)
    result = fixture("fork_in_vfork", words=["--follow", "main"])  # children that execute nothing
    expect({row["path"] for row in result.json["storms"][0]["calls"]} == {"0"}, result.json["storms"][0]["calls"])
    result = run("--baseline", "1", "--follow", "main", "--each-call", "--limit", "12", command=command)
    expect(result.json["placements"] and all(p["at"].startswith("0:") for p in result.json["placements"]), result.json["placements"])


@case
def limits():
    """--fail-if: 4 where a condition holds and no outcome differs; 3 where one differs"""
    result = fixture("sleeps_on", words=["--fail-if", "eintr>0", "--fail-if", "nmis>1M"])
    expect(result.code == 4 and result.verdict == "same" and result.json["exit_code"] == 4, *result.shown())
    expect([(one["condition"], one["held"]) for one in result.json["limits"]] == [("eintr>0", True), ("nmis>1M", False)], result.json["limits"])
    expect(fixture("sleeps_on", words=["--fail-if", "nmis>1M"]).code == 0)
    expect(fixture("early_sleep", words=["--fail-if", "eintr>0"]).code == 3)
    result = run("--fail-if", "eintr>0", command=[options.fixture, "sleeps_on"], json_report=False)
    expect("FAIL --fail-if eintr>0: " in result.text and result.text.splitlines()[-1].startswith("FAIL (--fail-if"), result.text)
    done = program("exec", "--fail-if", "latency.p99>1ms", "--", "true")
    expect(done.returncode == 2 and "exec-metrics" in done.stderr, done.stderr)


@case
def needs_each_call():
    """options of single calls are refused without --each-call, and --jobs where runs would share a file"""
    for words in (["--jobs", "2"], ["--shard", "1/2"], ["--place", "entry"], ["--limit", "3"]):
        done = program("exec", *words, "--", "true")
        expect(done.returncode == 2 and "needs --each-call" in done.stderr, words, done.stderr)
    done = program("exec", "--each-call", "--jobs", "2", "--compare", "file=x", "--", "true")
    expect(done.returncode == 2 and "--jobs" in done.stderr, done.stderr)
    for shard in ("1", "0/2", "3/2"):
        expect(program("exec", "--each-call", "--shard", shard, "--", "true").returncode == 2, shard)


@case
def jobs():
    """--jobs finds what one run at a time finds, at the same addresses, and tries as many calls"""
    one = fixture("copy_blocks", "3", words=["--each-call"], static=True)
    three = fixture("copy_blocks", "3", words=["--each-call", "--jobs", "3"], static=True)
    expect(len(found(one)) == 3 and found(three) == found(one), found(one), found(three))
    at = [sorted(p["at"] for p in r.json["placements"]) for r in (one, three)]
    expect(at[0] == at[1], at)
    site = [{p["at"]: (p["what"], p["site"], p["exe"]) for p in r.json["placements"] if p["at"] in found(one)} for r in (one, three)]
    expect(site[0] == site[1], site)


@case
def jobs_stopped():
    """a SIGTERM with --jobs ends every worker and every process, and keeps what is finished"""
    words = ["--json", "--baseline", "1", "--each-call", "--compare", "status", "--jobs", "3"]  # no finding: each call is tried once
    child = subprocess.Popen([options.program, "exec", *words, "--", options.fixture, "copy_blocks", "300"],
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (third := re.search(r"call 3 of (\d+)", line := child.stderr.readline())) and line:
        pass
    child.send_signal(signal.SIGTERM)
    try:
        out, _ = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise
    expect(child.returncode == -signal.SIGTERM, child.returncode)
    report = json.loads(out)
    expect(report["verdict"] == "stopped" and 2 <= len(report["placements"]) < int(third[1]), report["verdict"],
           len(report["placements"]), third)
    left = subprocess.run(["pgrep", "-f", "copy_blocks 300"], capture_output=True, text=True, check=False).stdout
    expect(left == "", left)


@case
def shards():
    """shards try each call once between them, and merged they are the whole; one that is missing makes it incomplete"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        whole = fixture("copy_blocks", "3", words=["--each-call"], static=True)
        for i in ("1", "2"):
            part = fixture("copy_blocks", "3", words=["--each-call", "--shard", f"{i}/2", "-o", f"{folder}/{i}.json"], static=True)
            expect(len(part.json["placements"]) < len(whole.json["placements"]), len(part.json["placements"]))
            expect(part.json["shards"] == [int(i)] and part.json["complete"] is False, part.json["shards"])
        both = program("merge", "--json", f"{folder}/1.json", f"{folder}/2.json")
        result = Result(both)
        expect(result.code == 3 and result.json["complete"] is True and found(result) == found(whole), *result.shown())
        expect(sorted(p["at"] for p in result.json["placements"]) == sorted(p["at"] for p in whole.json["placements"]))
        expect(result.json["shards"] == [1, 2] and result.json["baseline"]["runs"] == json.loads(pathlib.Path(f"{folder}/1.json").read_text())["baseline"]["runs"])
        text = program("merge", f"{folder}/1.json", f"{folder}/2.json").stdout
        expect(text.count("5 of 5") == 3 and text.splitlines()[-1].startswith("FAIL the outcome differs"), text)
        fixture("forks", "2", words=["--each-call", "--limit", "1", "--shard", "1/2", "-o", f"{folder}/clean.json"])
        alone = program("merge", f"{folder}/clean.json")
        expect(alone.returncode == 1 and "shards are missing: 2 of 2" in alone.stdout, alone.stdout)
        other = program("merge", f"{folder}/1.json", f"{folder}/clean.json")
        expect(other.returncode == 1 and "another command" in other.stderr, other.stderr)
        expect(program("merge").returncode == 2)
        pathlib.Path(f"{folder}/no.json").write_text('{"schema": "other"}')
        expect("not a report of nmi-sim exec" in program("merge", f"{folder}/no.json").stderr)


@case
def journal():
    """what is finished survives a SIGKILL in FILE.journal, torn at its end or not; a report that is written takes its place"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = pathlib.Path(folder) / "r.json"
        notes = pathlib.Path(folder) / "r.json.journal"
        words = ["--baseline", "1", "--each-call", "--compare", "status"]  # no finding: each call is tried once
        child = subprocess.Popen([options.program, "exec", "-o", str(path), *words, "--", options.fixture, "copy_blocks", "3"], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not re.match("exec: call 6 of", line := child.stderr.readline()) and line:
            pass
        child.kill()
        child.communicate()
        expect(not path.exists() and notes.exists(), os.listdir(folder))
        lines = notes.read_text().splitlines()
        with notes.open("a") as end:
            end.write('{"at": "0:1", "torn')
        result = Result(program("merge", "--json", str(notes)))
        expect(len(result.json["placements"]) == len(lines) - 1 >= 5, len(result.json["placements"]), len(lines))
        expect(result.verdict in ("stopped", "differs") and result.json["baseline"]["traced"] is not None, *result.shown())
        done = program("exec", "-q", "-o", str(path), "--each-call=read", "--", options.fixture, "copy_blocks", "1")
        expect(done.returncode == 3 and os.listdir(folder) == ["r.json"], os.listdir(folder))


@case
def journal_is_a_link():
    """a link in the journal's place is refused: another user may have put it there, and what it leads to stays as it is"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        theirs = pathlib.Path(folder) / "theirs"
        theirs.write_text("dear")
        (pathlib.Path(folder) / "r.json.journal").symlink_to(theirs)
        done = program("exec", "-q", "--baseline", "1", "-o", f"{folder}/r.json", "--each-call=read", "--limit", "1", "--", options.fixture, "copy_blocks", "1")
        expect(done.returncode == 1 and "r.json.journal" in done.stderr and theirs.read_text() == "dear", done, theirs.read_text()[:80])


def killed_at(line_start, *words):
    """`nmi-sim exec WORDS`, killed when it writes such a line."""
    child = subprocess.Popen([options.program, "exec", *words], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (line := child.stderr.readline()).startswith(line_start) and line:
        pass
    child.kill()
    child.communicate()


@case
def resumed():
    """--resume goes on from what a killed run has left: what is finished is not tried again, and the whole is what it would have been"""
    searches = {"call": (["--each-call", "--limit", "10"], ["copy_blocks", "1"], "exec: call 5 of", "exec: call "),
                "instruction": (["--signal", "USR1", "--function", "torn_work", "--visit", "2", "--fork", "never"], ["torn_pair"], "exec: 5 of", "exec: 1 of")}
    for kind, (words, command, fifth, next_one) in searches.items():
        with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
            path = pathlib.Path(folder) / "r.json"
            journal_path = pathlib.Path(folder) / "r.json.journal"
            command = [options.fixture, *command]
            killed_at(fifth, "-o", str(path), "--baseline", "1", *words, "--", *command)
            # What a longer head leaves behind the shorter one that is written over it would be no journal.
            head, *lines = journal_path.read_text().splitlines()
            journal_path.write_text("\n".join([json.dumps({**json.loads(head), "more": "x" * 100_000}), *lines, ""]))
            killed_at(next_one, "-o", str(path), "--resume", "--baseline", "1", *words, "--", *command)
            notes = journal_path.read_text().splitlines()
            merged = Result(program("merge", "--json", str(journal_path)))
            expect(merged.json is not None and len(rows(merged, kind)) == len(notes) - 1 >= len(lines) >= 4, kind, merged.err, len(notes), len(lines))
            done = program("exec", "-o", str(path), "--resume", "--baseline", "1", *words, "--", *command)
            result = json.loads(path.read_text())
            whole = run("--baseline", "1", *words, command=command).json
            expect(done.returncode == 3 and not os.path.exists(f"{path}.journal"), kind, done.stderr)
            expect(sorted(rows_of(result, kind)) == sorted(rows_of(whole, kind)), kind, rows_of(result, kind))
            tried = re.findall(r"^exec: (?:call )?\d+ of \d+: ", done.stderr, re.M)
            expect(len(tried) == len(rows_of(whole, kind)) - (len(notes) - 1), kind, len(tried), len(notes), done.stderr)
    for words in (["--resume"], ["--resume", "--each-call"], ["--resume", "-o", "x", "--audit"]):
        expect(program("exec", *words, "--", "true").returncode == 2, words)


@case
def resumes_the_same():
    """... only with the command and the options that it was written with"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        words = ["exec", "-o", f"{folder}/r.json", "--baseline", "1", "--each-call", "--limit", "1"]
        expect(program(*words, "--shard", "1/2", "--", "true").returncode in (0, 3))
        os.rename(f"{folder}/r.json", f"{folder}/r.json.journal")
        for shard, more, command, said in (("1/2", [], ["true", "x"], "another command"), ("2/2", [], ["true"], "other options"),
                                           *(("1/2", more, ["true"], "other options") for more in (
                                               ["--restart", "off"], ["--mask", "ignore"], ["--stdin", "/dev/zero"], ["--place", "blocked"],
                                               ["--each-call=all"], ["--compare", "status"])),
                                           ("1/3", [], ["true"], "other options")):
            done = program(*words, "--shard", shard, *more, "--resume", "--", *command)
            expect(done.returncode == 1 and said in done.stderr, shard, more, done.stdout, done.stderr)
        words = ["exec", "-o", f"{folder}/f.json", "--baseline", "1", "--visit", "1", "--fork", "never"]
        program(*words, "--signal", "USR1", "--function", "torn_work", "--", options.fixture, "torn_pair")
        os.rename(f"{folder}/f.json", f"{folder}/f.json.journal")
        for which in (["--signal", "USR2", "--function", "torn_work"], ["--signal", "USR1", "--function", "torn_opens"], ["--each-call"]):
            done = program(*(words if "--signal" in which else words[:5]), *which, "--resume", "--", options.fixture, "torn_pair")
            expect(done.returncode == 1 and "other options" in done.stderr, which, done.stdout, done.stderr)


@case
def unstable_before():
    """what was not compared before is not compared behind, nor a finding any more, though it is the same now"""
    for kind, words, command in (("call", ["--each-call=read"], ["copy_blocks", "1"]),
                                 ("instruction", ["--signal", "USR1", "--function", "torn_work", "--visit", "2"], ["torn_pair"])):
        with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
            whole = ["exec", "-o", f"{folder}/r.json", "--baseline", "1", *words]
            expect(program(*whole, "--", options.fixture, *command).returncode == 3)
            report = json.loads(pathlib.Path(f"{folder}/r.json").read_text())
            report["baseline"]["unstable"] = ["stdout"]
            report["baseline"]["runs"][0]["stdout"]["bytes"] += 1
            pathlib.Path(f"{folder}/r.json.journal").write_text(json.dumps(report) + "\n")
            done = program(*whole, "--resume", "--", options.fixture, *command)
            result = json.loads(pathlib.Path(f"{folder}/r.json").read_text())
            expect(done.returncode == 0 and result["baseline"]["unstable"] == ["stdout"], kind, done.stdout, done.stderr)
            expect([found for _, found in rows_of(result, kind)] == [False] * len(rows_of(report, kind)), kind, done.stdout)


@case
def changed_since():
    """... and not where the command has changed meanwhile"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        script = pathlib.Path(folder) / "script"
        script.write_text("echo before\n")
        words = ["exec", "-o", f"{folder}/r.json", "--each-call", "--limit", "1", "--", "sh", str(script)]
        expect(program(*words).returncode == 0)
        report = json.loads(pathlib.Path(f"{folder}/r.json").read_text())
        report["placements"] = []
        pathlib.Path(f"{folder}/r.json.journal").write_text(json.dumps(report) + "\n")
        script.write_text("echo behind\n")
        done = program(*words[:3], "--resume", *words[3:])
        expect(done.returncode == 1 and "has changed since the journal" in done.stdout, done.stdout, done.stderr)


@case
def merges_no_audit():
    """a report of --audit is not merged, and it is said why; one of --function is"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        program("exec", "-o", f"{folder}/audit.json", "--audit", "--", options.fixture, "handler_keeps_errno")
        done = program("merge", f"{folder}/audit.json")
        expect(done.returncode == 1 and "a report of --audit is whole by itself" in done.stderr, done.stderr)
        audit = json.loads(pathlib.Path(f"{folder}/audit.json").read_text())
        pathlib.Path(f"{folder}/profile.json").write_text(json.dumps({**audit, "profile": audit["audit"], "audit": None}))
        done = program("merge", f"{folder}/profile.json")
        expect(done.returncode == 1 and "a report of --profile is whole by itself" in done.stderr, done.stderr)
        for visit in "12":
            run("--signal", "USR1", "--function", "torn_work", "--visit", visit, "-o", f"{folder}/{visit}.json", command=[options.fixture, "torn_pair"])
        both = Result(program("merge", "--json", f"{folder}/1.json", f"{folder}/2.json"))
        visits = {row["at"][-1] for row in rows(both, "instruction")}
        expect(both.code == 3 and both.verdict == "differs" and visits == {"1", "2"}, visits, *both.shown())
        again = Result(program("merge", "--json", f"{folder}/1.json", f"{folder}/2.json", f"{folder}/2.json"))
        expect(rows_of(again.json, "instruction") == rows_of(both.json, "instruction"), rows_of(again.json, "instruction"))
        first = json.loads(pathlib.Path(f"{folder}/1.json").read_text())
        first["baseline"]["unstable"] = ["stdout"]
        pathlib.Path(f"{folder}/1.json").write_text(json.dumps(first))
        both = Result(program("merge", "--json", f"{folder}/1.json", f"{folder}/2.json"))
        expect(both.code == 0 and not any(found for _, found in rows_of(both.json, "instruction")), *both.shown())
        run("--each-call", "--limit", "1", "-o", f"{folder}/calls.json", command=[options.fixture, "torn_pair"])
        run("--baseline", "1", "-o", f"{folder}/storm.json", command=[options.fixture, "torn_pair"])
        for other in ("1", "storm"):
            done = program("merge", f"{folder}/{other}.json", f"{folder}/calls.json")
            expect(done.returncode == 1 and "other options than in the first file" in done.stderr, other, done.stderr)


@case
def page():
    """--report writes one page, with the command and what was found in it, and markup of the command's escaped"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = pathlib.Path(folder) / "r.html"
        result = run("--baseline", "1", "--report", str(path), command=["sh", "-c", f"{options.fixture} early_sleep '<b>'"])
        text = path.read_text()
        expect(text.startswith("<!") and "woke up early" in text and "nanosleep" in text, *result.shown())
        expect("&lt;b&gt;" in text and "<b>'" not in text)


tap.run(CASES, at_a_time=4)
