#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`nmi-sim explore` as a whole: its summary, what it leaves out, and what it reports when it is stopped."""
import argparse
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import explorer
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
options = parser.parse_args()


explore = functools.partial(explorer.explore, options.program)


def children(pid):
    """A task, or the whole process, may end between being listed and being read."""
    found = []
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found += (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        pass
    return [int(c) for c in found]


def wait_for_schedules(pid):
    """A process for each window. Recording has one child. Exploring has supervisors, whose children explore."""
    deadline = time.monotonic() + 30
    while not any(children(supervisor) for window in children(pid) for supervisor in children(window)):
        assert time.monotonic() < deadline, "nobody explores"
        time.sleep(0.01)


def stopped_by(number, ignored=False, exploring=False, group=False):
    def case():
        explore("--window", "read", "-q")  # skipped where nothing can be explored
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            # As a shell without job control starts what goes to the background.
            ignores = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None
            process = subprocess.Popen([options.program, "explore", "--window", "read", "--window", "do_nmi-map", "--map", "--no-reduction", "-o",
                                        report],
                                       text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                       preexec_fn=ignores)
            for line in process.stdout:  # in the order of the command line: the map is what is missing
                out = line
                break
            if exploring:
                wait_for_schedules(process.pid)
            if group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            rest, err = process.communicate(timeout=30)
            out += rest
            assert process.returncode == -number, (process.returncode, out, err)
            assert "nmi-sim: stopped in memb do_nmi-map" in err, err
            assert "memb read: " in out and "\n1 window, " in out and out.endswith("INCOMPLETE: stopped before the last window\n"), out
            document = json.loads(report.read_text())
            assert document["complete"] is False and [r["name"] for r in document["reports"]] == ["memb read"], document["complete"]
    return case


def complete():
    done = explore("--window", "read", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["complete"] is True, done.stderr


def ignored_sigchld():
    done = explore("--window", "read", "--window", "read-map", "-q")
    again = subprocess.run([options.program, "explore", "--window", "read", "--window", "read-map", "-q"], text=True, timeout=60,
                           capture_output=True, check=False, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert (done.returncode, again.returncode) == (0, 0), again


def nothing_in_its_place():
    explore("--window", "read", "-q")
    done = subprocess.run([options.program, "explore", "--window", "vcpu-exit"], text=True, timeout=60, capture_output=True,
                          check=False)
    assert done.returncode == 77 and "memb vcpu-exit: not explored: only flavor bp" in done.stderr, done
    assert done.stdout == "", done
    done = subprocess.run([options.program, "explore", "--window", "vcpu-exit", "--json"], text=True, timeout=60,
                          capture_output=True, check=False)
    document = json.loads(done.stdout)
    assert done.returncode == 77 and document["complete"] is False and document["reports"] == [], done


def without_proc():
    explore("--window", "read", "-q")
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    if subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode != 0:
        raise tap.Skipped("nobody may hide /proc here")
    for words in (["--json"], []):
        done = subprocess.run([*hidden, options.program, "explore", "--window", "read", *words], text=True, timeout=60,
                              capture_output=True, check=False)
        assert done.returncode == 77, done
        assert "nothing can be explored here: needs /proc" in done.stderr, done
        if words:
            document = json.loads(done.stdout)
            assert document["complete"] is False and document["absent"].startswith("needs /proc"), document
        else:
            assert done.stdout == "", done


def fault_elsewhere():
    explore("--window", "read", "-q")
    done = subprocess.run([options.program, "explore", "--window", "read", "--fault", "malloc-in-nmi"], text=True, timeout=60,
                          capture_output=True, check=False)
    assert done.returncode == 77 and done.stdout == "", done
    assert "memb read: not explored: what this fault leaves out is no part of this window\n" in done.stderr, done


def audited_faults():
    for fault, function in (("malloc-in-nmi", "malloc"), ("lock-in-nmi", "pthread_mutex_lock")):
        done = explore("--fault", fault, "--json")
        unsafe = {f["function"]: f for report in json.loads(done.stdout)["reports"] for f in report["functions"] if not f["safe"]}
        assert done.returncode == 3 and function in unsafe, (fault, done)
        assert unsafe[function]["chain"][-1] == function and len(unsafe[function]["chain"]) > 2, unsafe[function]
    # The allocator is this program's own: the audit looks into it.
    assert "malloc" in explore("--fault", "malloc-in-nmi").stdout


def unwritable():
    for words, code in ((["--fault", "no-grace-period"], 3), (["--map", "--window", "do_nmi-map"], 1)):
        with tempfile.TemporaryDirectory() as folder:
            picture = pathlib.Path(folder) / "map.svg"
            done = explore(*words, "-q", "-o", "/dev/full", "--svg", picture)
            assert done.returncode == code, done
            assert done.stderr == "nmi-sim: cannot write /dev/full: No space left on device\n", done
            assert done.stdout and "</svg>" in picture.read_text(), done


tap.run([
    ("where no named window can be explored, none is in its place", nothing_in_its_place),
    ("without /proc nothing is explored, and the answer says what is missing", without_proc),
    ("a fault that is no part of the named window is not explored there", fault_elsewhere),
    ("the audit finds an NMI handler that allocates and one that locks", audited_faults),
    ("SIGINT ends the window under way, and what is finished is reported", stopped_by(signal.SIGINT)),
    ("SIGTERM does the same", stopped_by(signal.SIGTERM)),
    ("SIGHUP does the same", stopped_by(signal.SIGHUP)),
    ("SIGINT that a shell has set to be ignored does the same", stopped_by(signal.SIGINT, ignored=True)),
    ("SIGTERM ends a map whose schedules are explored", stopped_by(signal.SIGTERM, exploring=True)),
    ("so does a terminal's SIGINT, which the exploring processes get too", stopped_by(signal.SIGINT, exploring=True, group=True)),
    ("a parent that ignores SIGCHLD changes nothing", ignored_sigchld),
    ("an exploration that nobody stops is complete", complete),
    ("a file that cannot be written hides no finding and keeps no other from being written", unwritable),
])
