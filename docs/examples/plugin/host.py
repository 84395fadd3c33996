#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same in Python: `host.py PLUGIN`. The interpreter's own threads are sampled."""
import ctypes
import sys
import threading

plugin = ctypes.CDLL(sys.argv[1])
plugin.sampler_samples.restype = ctypes.c_ulong
plugin.sampler_strerror.restype = ctypes.c_char_p
stop = False


def work():
    n = 0
    while not stop:
        n += 1


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
error = plugin.sampler_start(1000)
while error == 0 and plugin.sampler_samples() < 20:
    error = plugin.sampler_swap()
stop = True
for thread in threads:
    thread.join()
error = error or plugin.sampler_stop()
print("host:", plugin.sampler_strerror(error).decode(), flush=True)
sys.exit(error != 0)
