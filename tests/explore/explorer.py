# SPDX-License-Identifier: MIT
"""`nmi-sim explore` for the scripts of this folder."""
import subprocess

import tap


def explore(program, *words, timeout=100, **more):
    symbols = subprocess.run(["nm", "-D", program], text=True, capture_output=True, check=True).stdout
    if "__asan_init" in symbols or "__tsan_init" in symbols:
        raise tap.Skipped("a sanitizer's code is not the code that is explored")
    done = subprocess.run([program, "explore", *words], text=True, timeout=timeout, capture_output=True, check=False, **more)
    if done.returncode == 77:
        raise tap.Skipped(done.stderr.strip())
    return done
