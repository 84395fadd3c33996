# SPDX-License-Identifier: MIT
"""What nmi-stress --jitter runs beside the scenarios: a CPU hog for each CPU that it may use, and a thread that moves the
threads of the running scenarios from CPU to CPU."""
import contextlib
import os
import pathlib
import random
import signal
import threading
import time


def hog(cpus, parent):
    """Not longer than nmi-stress, however that ends."""
    while os.getppid() == parent:
        os.sched_setaffinity(0, {random.choice(cpus)})
        end = time.monotonic() + random.uniform(0, 0.02)
        while time.monotonic() < end:
            pass
        time.sleep(random.uniform(0, 0.09))


def start_hog(cpus, lock):
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.close(lock)
            random.seed()
            hog(cpus, parent)
        finally:
            os._exit(0)
    return pid


def shuffle(cpus, runner, over):
    while not over.wait(0.2):
        for process in list(runner.under_way.values()):
            with contextlib.suppress(OSError):  # it has ended
                for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
                    os.sched_setaffinity(int(task.name), {random.choice(cpus)})


@contextlib.contextmanager
def beside(runner):
    cpus = sorted(os.sched_getaffinity(0))
    hogs = [start_hog(cpus, runner.lock) for _ in cpus]
    over = threading.Event()
    thread = threading.Thread(target=shuffle, args=(cpus, runner, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for pid in hogs:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
