# SPDX-License-Identifier: MIT
"""A short run of nmi-sim on a machine where other programs may have all CPUs for as long as it takes. (In C++: looked_run.hpp.)"""
import json

RUNS = 4  # at most


def at_nothing(done):
    """This run's checks looked at nothing, and none has failed. `done` has returncode and stdout, text or JSON."""
    if done.returncode != 3:
        return False
    try:
        checks = json.loads(done.stdout)["checks"]
    except (ValueError, KeyError, TypeError):
        return "(looked at nothing): " in done.stdout and ": first at " not in done.stdout
    return any(c["status"] == "nothing-seen" for c in checks) and all(c["status"] != "fail" for c in checks)


def looked(run):
    """`run()`; again while it has looked at nothing. What it ended in otherwise stays. It must not be what the test is for."""
    done = run()
    for _ in range(RUNS - 1):
        if not at_nothing(done):
            break
        done = run()
    return done
