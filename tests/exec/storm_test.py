#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The storm: what it must find, and what it must leave in peace."""
import os
import signal
import struct
import subprocess
import tempfile

from exec_support import CASES, calls, case, delivered, expect, expect_clean, expect_found, fixture, options, run, tap

# Each fault, and where it shows with SA_RESTART on; wait_fails needs it off.


@case
def short_copy():
    """a program that believes each read of a device to be whole is found, with the call's place and its short count"""
    for static in (False, True):
        result = fixture("short_copy", static=static)
        expect_found(result, "stdout")
        rows = [row for row in calls(result, "read") if row["short"] > 0]
        expect(rows and "/dev/zero" in rows[0]["detail"] and "of 4194304" in rows[0]["detail"], rows)
        expect("read_block" in rows[0]["site"] and "faulty.cpp:" in rows[0]["site"], rows)


@case
def whole_copy():
    """its twin that reads on is left in peace"""
    for static in (False, True):
        expect_clean(fixture("whole_copy", static=static))


@case
def poll_exits():
    """a program that takes an interrupted poll for an error is found by its status, although SA_RESTART is set"""
    for static in (False, True):
        result = fixture("poll_exits", static=static)
        expect_found(result, "status")
        expect(any(row["eintr"] > 0 and row["restarted"] == 0 for row in calls(result, "poll")), calls(result, "poll"))


@case
def naive_timeout():
    """a program that adds up the naps it asked for is found"""
    expect_found(fixture("naive_timeout"), "stdout")


@case
def early_sleep():
    """a program that sleeps once is found"""
    expect_found(fixture("early_sleep"), "stdout")


@case
def dies():
    """a program that dies is found by its signal"""
    result = fixture("dies")
    expect_found(result, "status")
    expect("SIGABRT" in result.json["differences"][0]["with"], *result.shown())


@case
def hangs():
    """a program that never ends is found as a hang"""
    result = fixture("hangs", words=["--timeout", "2s"])
    expect_found(result, "status")
    expect(result.json["storms"][0]["outcome"]["hang"] is True, *result.shown())


@case
def wait_fails():
    """a program that takes an interrupted wait for a failed child is found with SA_RESTART off, and only there"""
    result = fixture("wait_fails", words=["--restart", "both"])
    expect_found(result, "stdout")
    expect(all(d["restart"] is False for d in result.json["differences"]), *result.shown())
    on, off = result.json["storms"]
    expect(on["restart"] is True and off["restart"] is False)
    for storm, column, other in ((on, "restarted", "eintr"), (off, "eintr", "restarted")):
        rows = [row for row in storm["calls"] if row["call"] == "wait4"]
        expect(rows and sum(row[column] for row in rows) > 0 and sum(row[other] for row in rows) == 0, rows)


@case
def half_file():
    """a file that --compare names is part of the outcome, and one that it does not name is not"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = os.path.join(folder, "out")
        expect_found(fixture("half_file", path, words=["--compare", f"status,file={path}"]), f"file={path}")
        expect_clean(fixture("half_file", path, words=["--compare", "status,stdout"]))


@case
def sleeps_on():
    """a program that sleeps on is left in peace, with and without SA_RESTART, dynamic and static"""
    for static in (False, True):
        expect_clean(fixture("sleeps_on", words=["--restart", "both"], static=static))


@case
def stripped():
    """programs without symbols, dynamic and static, are left in peace and found as others are"""
    for path in (options.stripped, options.static_stripped):
        expect_clean(run("--baseline", "1", command=[path, "sleeps_on"]))
        expect_found(run("--baseline", "1", command=[path, "early_sleep"]), "stdout")


@case
def spawner():
    """children that reset every handler before they execute a program are not killed by the NMI's signal"""
    expect_clean(fixture("spawner", words=["--rate", "2k"]))


@case
def sigwaiter():
    """who waits for every signal by sigwait is told of none that nobody sent"""
    result = fixture("sigwaiter")
    expect(result.code in (0, 77) and result.verdict in ("same", "all-blocked"), *result.shown())
    nmis = result.json["storms"][0]["nmis"]  # the one that waits: whether a look still finds it blocked is a matter of time
    expect(nmis["blocked"] + nmis["held"] == 1 and not result.json["differences"], *result.shown())


@case
def signalfd_reader():
    """who waits for every signal by a signalfd is told of none that nobody sent"""
    result = fixture("signalfd_reader")
    expect(result.code in (0, 77) and result.verdict in ("same", "all-blocked"), *result.shown())
    nmis = result.json["storms"][0]["nmis"]
    expect(nmis["blocked"] + nmis["held"] == 1 and not result.json["differences"], *result.shown())


@case
def blocks_all():
    """a program that blocks every signal is no pass: 77, and no NMI was delivered"""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        result = fixture("sleeps_on")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    expect(result.code == 77 and result.verdict == "all-blocked" and delivered(result) == 0, *result.shown())
    expect(result.json["storms"][0]["nmis"]["blocked"] > 0, *result.shown())


@case
def too_short():
    """a run in which no NMI was sent is no pass: 1, and what to do about it"""
    result = run("--rate", "0.01", command=["true"])
    expect(result.code == 1 and result.verdict == "none-delivered" and "--rate" in result.json["why"], *result.shown())


@case
def same_signal():
    """a program that has a handler for the NMI's signal keeps it, and NMIs take another"""
    result = fixture("same_signal")
    expect_clean(result)
    expect(result.json["signal"] < 61 or result.json["signal"] == 0, result.json["signal"])


@case
def reads_handlers():
    """a program that asks for its handlers finds those that it has set"""
    expect_clean(fixture("reads_handlers"))


@case
def small_stack():
    """a program on a stack too small for a signal's frame lives: the handler takes the alternate stack"""
    expect_clean(fixture("small_stack"))


@case
def epoll_waits():
    """a program that waits again is left in peace, though each NMI interrupts it"""
    result = fixture("epoll_waits")
    expect_clean(result)
    expect(any(row["eintr"] > 0 for row in calls(result, "epoll_wait")), calls(result, "epoll_wait"))


@case
def forks():
    """300 children under 5000 NMIs per second"""
    result = fixture("forks", words=["--rate", "5k"])
    expect_clean(result)
    paths = [p["path"] for p in result.json["storms"][0]["processes"]]
    expect(len(paths) == 301 and paths[0] == "0" and paths[300] == "0.300", len(paths))


@case
def threads():
    """threads that come and go"""
    result = fixture("threads")
    expect_clean(result)
    expect(result.json["storms"][0]["processes"][0]["threads"] > 4, *result.shown())


@case
def path_search():
    """a program that is searched for in PATH, and executions that fail on the way"""
    expect_clean(fixture("path_search"))


@case
def exec_by_thread():
    """another thread than the first executes a program: it is followed, and gets its handler"""
    result = fixture("exec_by_thread")
    expect_clean(result)
    expect(result.json["storms"][0]["processes"][0]["exe"] in ("sh", "dash", "bash"), result.json["storms"][0]["processes"])
    expect(any(row["nmis"] > 0 for row in calls(result, "wait4")), calls(result, "wait4"))


@case
def stops():
    """a child that stops and goes on does so, and its parent sees it"""
    expect_clean(fixture("stops"))


@case
def term_at_exec():
    """a SIGTERM that comes while a program is executed kills it: it is not lost while the handler is put in"""
    result = fixture("term_at_exec")
    expect_clean(result)
    expect(result.json["baseline"]["traced"]["stdout"] == result.json["baseline"]["runs"][0]["stdout"])


@case
def pending_at_exec():
    """an NMI that is pending while the handler is put in keeps its mark, and the thread takes others behind it"""
    result = fixture("executes_itself", "40", words=["--rate", "5k"])
    expect_clean(result)
    expect(any(row["nmis"] > 0 for row in calls(result, "clock_nanosleep")), result.json["storms"][0]["calls"])


@case
def clears_handlers():
    """a child that the kernel has reset the handlers of is not killed by the NMI's signal"""
    expect_clean(fixture("clears_handlers"))


@case
def fork_in_vfork():
    """the child of a vforked child takes NMIs, though nobody has executed a program"""
    result = fixture("fork_in_vfork")
    expect_clean(result)
    expect(any(row["nmis"] > 0 and row["path"] == "0.1.1" for row in calls(result, "clock_nanosleep")), result.json["storms"][0]["calls"])


@case
def not_dumpable():
    """a program that hides its memory lives"""
    expect_clean(fixture("not_dumpable"))


# 32 bits, static: sleeps for 400 ms in four naps, writes "done" and ends.
ELF32 = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 3, 1, 0x08048054, 52, 0, 0, 52, 32, 1, 0, 0, 0) + \
    struct.pack("<IIIIIIII", 1, 0, 0x08048000, 0x08048000, 0x200, 0x200, 5, 4096) + \
    bytes.fromhex("bf04000000" "b8a2000000" "bb9c800408" "31c9" "cd80" "4f" "75ef"  # mov edi,4; nanosleep; dec edi; jnz
                  "b804000000" "bb01000000" "b9a4800408" "ba05000000" "cd80"  # write(1, "done", 5)
                  "b801000000" "31db" "cd80").ljust(0x9c - 0x54, b"\0") + struct.pack("<II", 0, 100_000_000) + b"done\n"


@case
def bits_32():
    """a 32-bit program is followed without NMIs: it has other system calls"""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = os.path.join(folder, "small")
        with open(path, "wb") as file:
            file.write(ELF32.ljust(0x200, b"\0"))
        os.chmod(path, 0o755)
        try:
            subprocess.run([path], check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.CalledProcessError) as e:
            raise tap.Skipped(f"no 32-bit programs here: {e}") from e
        result = run("--baseline", "1", command=["sh", "-c", f"{path}; sleep 0.1"])
        expect_clean(result)
        expect(result.json["storms"][0]["unarmed"] == 1, *result.shown())


@case
def stop_at_exec():
    """a SIGSTOP that comes while a program is executed stops it, although it cannot be masked while the handler is put in"""
    expect_clean(fixture("stop_at_exec"))


@case
def parent_killed():
    """children whose parent is killed before their birth is reported go on"""
    expect_clean(fixture("parent_killed", words=["--timeout", "30s"]))


@case
def without_handler():
    """an NMI that meets a program without the handler is suppressed: one that may not map memory lives"""
    result = fixture("executes_with_pending", options.static)
    expect_clean(result)
    storm = result.json["storms"][0]
    expect(storm["unarmed"] == 1 and storm["nmis"]["suppressed"] == 1, storm["unarmed"], *result.shown())


tap.run(CASES, at_a_time=8)
