# SPDX-License-Identifier: MIT
"""Test Anything Protocol, so that Meson shows each case by its name."""
import concurrent.futures
import signal
import sys


# A caller that ignores a signal (nohup, a shell's background job) hands that on to all that is started here.
for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def run(cases, at_a_time=1):
    """cases: (name, function) pairs; a function that raises has failed. So many run side by side. Exits."""
    print(f"1..{len(cases)}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        started = [(name, pool.submit(function)) for name, function in cases]
        for number, (name, case) in enumerate(started, 1):
            try:
                case.result()
                print(f"ok {number} - {name}")
            except Skipped as why:
                print(f"ok {number} - {name} # SKIP {why}")
            except Exception as problem:  # a case that breaks has failed like one that disagrees
                failed += 1
                print(f"not ok {number} - {name}")
                for line in f"{type(problem).__name__}: {problem}".splitlines():
                    print(f"# {line}", file=sys.stderr)  # Meson shows this stream of a test that failed
            sys.stdout.flush()
    sys.exit(1 if failed else 0)
