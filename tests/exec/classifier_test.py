#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the report says of an interrupted call is what the program sees of it: every call of the fixture, SA_RESTART on and off."""
import pathlib
import tempfile

from exec_support import CASES, calls, case, expect, fixture, tap

# What Linux does, by signal(7) and by trial: with SA_RESTART, without. Both where it may be either.
RESTARTED = ("restarted", "eintr")
ALWAYS_EINTR = ("eintr", "eintr")
SHORT = ("short", "short")
UNTOUCHED = ("done", "done")
TABLE = {
    **dict.fromkeys(["read_pipe", "read_socket", "recv_socket", "read_eventfd", "read_timerfd", "write_full_pipe", "accept_unix",
                     "wait_child", "waitid_child", "flock_file", "mq_receive_message", "read_terminal", "write_terminal", "open_fifo",
                     "splice_empty_pipe", "tee_empty_pipe", "accept_tcp", "copy_range"], RESTARTED),
    **dict.fromkeys(["futex_wait", "poll_pipe", "ppoll_pipe", "select_none", "pselect_none", "nanosleep_once", "clock_nanosleep_absolute",
                     "msgrcv_queue", "semop_wait", "epoll_wait_none", "sigtimedwait_usr1", "recv_with_timeout", "io_uring_wait"], ALWAYS_EINTR),
    **dict.fromkeys(["read_zero", "read_urandom", "get_random", "write_beyond_pipe", "sendfile_beyond_pipe", "recv_all", "pread_zero",
                     "pwrite_urandom", "send_beyond_socket"], SHORT),
    **dict.fromkeys(["read_file", "write_file", "write_nonblocking", "read_part", "recv_part", "read_sysfs"], UNTOUCHED),
}
SEEN = {"restarted": "whole", "done": "whole", "eintr": "EINTR", "short": "short"}


def last_run(path, number):
    """What the program saw in its run of that number, from 1."""
    block = pathlib.Path(path).read_text().split("run\n")[number]
    return dict(line.split(" ", 1) for line in block.splitlines())


def predicted(rows, name):
    """By the rows whose site names that function; a call that was done has no site."""
    mine = [row for row in rows if row["path"] == "0" and name in row["site"]]  # its child has the name in its frames too
    kinds = {kind for row in mine for kind in ("restarted", "eintr", "short") if row[kind] > 0}
    return kinds or {"done"}


def compare(restart):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-exec-") as folder:
        path = f"{folder}/seen"
        result = fixture("calls", path, words=["--each-call", "--limit", "1", "--restart", restart])
        rows = result.json["storms"][0]["calls"]
        # Runs: 1 plain, 2 traced, 3 lists the calls, 4 with an NMI in each.
        untouched, seen = last_run(path, 3), last_run(path, 4)
    missing = {name for name, what in untouched.items() if what.startswith("no ") or what.startswith("error")}
    expect(len(missing) < 5, missing)
    as_documented = set()
    for name in TABLE.keys() - missing:
        says = predicted(rows, name)
        expect(len(says) == 1 and seen[name] == SEEN[min(says)], name, says, seen[name])
        if says == {TABLE[name][0 if restart == "on" else 1]}:
            as_documented.add(name)
    return TABLE.keys() - missing - as_documented


def table_holds(restart):
    """Where the machine is slow, what is waited for may be there before the wait: that call is looked at again."""
    left = set(TABLE)
    for _ in range(4):
        left &= compare(restart)
        if not left:
            return
    expect(False, left)


@case
def with_restart():
    """with SA_RESTART: restarted, EINTR, short or done, as the program saw it"""
    table_holds("on")


@case
def without_restart():
    """without SA_RESTART"""
    table_holds("off")


@case
def always_restarted():
    """a fork is restarted, with SA_RESTART or without"""
    result = fixture("forks", "1", words=["--each-call=all", "--limit", "1", "--restart", "off"])
    births = [row for row in calls(result, "clone") if row["path"] == "0"]
    expect(births and all(row["restarted"] == row["nmis"] > 0 for row in births), *result.shown(), births)


tap.run(CASES, at_a_time=4)
