#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel without membarrier(2), as old ones and some containers are: a seccomp filter answers ENOSYS.

liburcu decides at start-up whether it can use membarrier, so the filter is installed before the program is executed.
Readers without a fence are correct only with membarrier: the test checks which readers are chosen with it and without it.
"""
import argparse
import ctypes
import os
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap
from looked import looked

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake")
parser.add_argument("--which-reader", type=os.path.abspath, required=True)
options = parser.parse_args()

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ENOSYS = 38
MEMBARRIER = {"x86_64": 324, "aarch64": 283}
PRIVATE_EXPEDITED = 8


def offered():
    """Whether this kernel has the membarrier that readers without a fence need."""
    commands = ctypes.CDLL(None).syscall(MEMBARRIER[os.uname().machine], 0, 0)
    return commands > 0 and commands & PRIVATE_EXPEDITED != 0


def deny_membarrier():
    """Runs in the child: load the system call number, ENOSYS if it is membarrier, allow the rest."""
    number = MEMBARRIER[os.uname().machine]
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | ENOSYS), (0x06, 0, 0, 0x7FFF0000)))
    code = ctypes.create_string_buffer(program)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Filter(len(program) // 8, ctypes.addressof(code)))):
        os._exit(77)


def output(command, denied):
    done = looked(lambda: subprocess.run(command, text=True, timeout=60, capture_output=True, check=False,
                                         preexec_fn=deny_membarrier if denied else None))
    if done.returncode == 77:
        raise tap.Skipped("no seccomp filter can be installed here")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(flavor, denied=True):
    return output([options.program, "--flavor", flavor, "--duration", "300ms"], denied)


def falls_back(flavor):
    assert "this kernel has no membarrier(2)" in run(flavor)


def does_not_care(flavor):
    assert "membarrier" not in run(flavor)


def does_not_fall_back(flavor):
    if not offered():
        raise tap.Skipped("this kernel has no membarrier(2)")
    assert "membarrier" not in run(flavor, denied=False)


def readers(denied, finds, reader):
    """Everybody agrees that it is there or not, and every entry has the reader that goes with it."""
    if not denied and not offered():
        raise tap.Skipped("this kernel has no membarrier(2)")
    lines = output([options.which_reader], denied).splitlines()
    asked = [line for line in lines if "membarrier" in line]
    chosen = [line for line in lines if line.startswith("memb ")]
    assert len(asked) == 3 and len(chosen) == 18, lines
    for line in asked:
        assert line.endswith(f": {finds}"), lines
    for line in chosen:
        assert line.endswith(f": {reader}"), lines


tap.run([(f"flavor {f} runs without membarrier, and says what that costs", lambda f=f: falls_back(f))
         for f in ("memb", "bp")] +
        [(f"flavor {f} does not need membarrier", lambda f=f: does_not_care(f)) for f in ("mb", "qsbr", "nmi", "srcu")] +
        [(f"flavor {f} has nothing to say where there is membarrier", lambda f=f: does_not_fall_back(f))
         for f in ("memb", "bp")] +
        [("without membarrier each entry of flavor memb asks, and fences",
          lambda: readers(denied=True, finds="no", reader="asks for it")),
         ("with membarrier no entry of flavor memb asks",
          lambda: readers(denied=False, finds="yes", reader="needs it"))])
