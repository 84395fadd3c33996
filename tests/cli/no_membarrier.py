#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel without membarrier(2), as old ones and some containers are: a seccomp filter answers ENOSYS.

liburcu decides at start-up whether it can use membarrier, so the filter is installed before nmi-sim is executed.
"""
import argparse
import ctypes
import os
import struct
import subprocess

import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", type=os.path.abspath, required=True)
parser.add_argument("--fake")
options = parser.parse_args()

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ENOSYS = 38
MEMBARRIER = {"x86_64": 324, "aarch64": 283}


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


def run(flavor):
    done = subprocess.run([options.program, "--flavor", flavor, "--duration", "300ms"], text=True, timeout=60,
                          capture_output=True, preexec_fn=deny_membarrier, check=False)
    if done.returncode == 77:
        raise tap.Skipped("no seccomp filter can be installed here")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def falls_back(flavor):
    assert "this kernel has no membarrier(2)" in run(flavor)


def does_not_care(flavor):
    assert "membarrier" not in run(flavor)


tap.run([(f"flavor {f} runs without membarrier, and says what that costs", lambda f=f: falls_back(f))
         for f in ("memb", "bp")] +
        [(f"flavor {f} does not need membarrier", lambda f=f: does_not_care(f)) for f in ("mb", "qsbr")])
