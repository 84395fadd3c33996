#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libnmisim as other programs meet it: C, C++ without exceptions, plugins, Python, fully static; what it exports
and what it needs. Nothing is installed: headers of the source, library of the build folder.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--source", type=pathlib.Path, required=True)
parser.add_argument("--build", type=pathlib.Path, required=True)
parser.add_argument("--version", required=True)
options = parser.parse_args()
scratch = tempfile.TemporaryDirectory(prefix="nmisim-runtime-")
work = pathlib.Path(scratch.name)
here = pathlib.Path(__file__).resolve().parent
folder = options.build / "package"
library = folder / f"libnmisim.so.{options.version}"
hook = folder / f"libnmisim-threads.so.{options.version}"
examples = options.source / "docs/examples/plugin"
shared = ["-L", folder, "-lnmisim", f"-Wl,-rpath,{folder}", "-Wl,-z,now"]
strict = ["-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{options.source / 'include'}"]
expected = ["100 calls, 100 handled", "detached: done"]


def run(*command, env=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=200, check=False,
                          env=os.environ | (env or {}))
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def plugin():
    made = work / "plugin.so"
    if not made.exists():
        run("gcc", "-std=c89", "-pedantic", *strict, "-shared", "-fPIC", here / "runtime_plugin.c", "-o", made, *shared)
    return made


def exports():
    """Of each symbol, the words of its name stand in a header; no std:: comes through."""
    headers = options.source / "include/nmisim"
    words = {w for name in ("interrupt.hpp", "slot.hpp", "timed.hpp", "deadline.hpp", "regs.hpp", "nmisim.h")
             for w in re.findall(r"\w+", (headers / name).read_text())}
    lines = run("nm", "-DC", "--defined-only", library).splitlines()
    names = [line.split(" ", 2)[2] for line in lines]
    for name in names:
        assert name.startswith(("nmisim::", "nmisim_")), name
        plain = name.split("(")[0].replace("~", "")
        assert set(re.findall(r"\w+", plain)) <= words, name
    c_functions = {n for n in names if n.startswith("nmisim_")}
    declared = set(re.findall(r"NMISIM_API [^;]*?(nmisim_\w+)\(", (headers / "nmisim.h").read_text()))
    assert c_functions == declared, c_functions ^ declared
    assert any(n.startswith("nmisim::slot_base::exchange") for n in names), names


def needs():
    dynamic = run("readelf", "-d", library)
    needed = set(re.findall(r"NEEDED.*\[(\w[^\].]*)", dynamic))
    assert needed <= {"libstdc++", "libgcc_s", "libc", "libm", "libpthread", "ld-linux-x86-64", "ld-linux-aarch64"}, needed
    assert re.search(r"FLAGS.*BIND_NOW", dynamic) and "NODELETE" in dynamic, dynamic
    assert " TLS " not in run("readelf", "-lW", library)


def no_text():
    """Nothing is printed: no function that writes is called."""
    undefined = run("nm", "-D", "--undefined-only", library)
    for name in ("write", "printf", "fprintf", "puts", "perror", "fputs", "stderr"):
        assert not re.search(rf"\b{name}\b", undefined), name


def light_headers():
    """<memory> and <chrono> cost three quarters of a second each: they, and all that includes them, stay out."""
    for header in ("timed.hpp", "nmisim.h"):
        (work / "one.cpp").write_text(f"#include <nmisim/{header}>\n")
        included = run("g++", "-std=c++20", "-M", *strict, work / "one.cpp")
        for heavy in ("memory", "chrono", "functional", "atomic", "string", "utility"):
            assert not re.search(rf"/c\+\+/[\w.]+/{heavy}[ \\\n]", included), f"{header} includes <{heavy}>"


def in_c():
    run("gcc", "-std=c89", "-pedantic", *strict, "-DMAIN", here / "runtime_plugin.c", "-o", work / "in_c", *shared)
    assert run(work / "in_c").splitlines() == expected


def in_plain_host():
    run("gcc", "-std=gnu89", *strict, here / "runtime_host.c", "-o", work / "host", "-ldl")
    printed = run(work / "host", plugin()).splitlines()
    assert printed == [*expected, "dlclose 0", "alive"], printed


def in_python():
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).run())"
    assert run(sys.executable, "-c", code, plugin()).splitlines() == expected


def example_plugin():
    made = work / "sampler.so"
    if not made.exists():
        run("gcc", "-std=c89", "-pedantic", *strict, "-shared", "-fPIC", examples / "sampler.c", "-o", made, *shared)
    return made


def sampled(printed):
    """Both lines, and no sample without at least one expiration. The user's queue of signals may be full: no timer then."""
    if "Resource temporarily unavailable" in printed:
        raise tap.Skipped("no timer to be had")
    found = re.fullmatch(r"sampler: (\d+) samples stand for (\d+) expirations\nhost: done\n", printed)
    assert found and int(found[2]) >= int(found[1]) >= 20, printed


def host_is_sampled():
    run("gcc", "-std=gnu89", *strict, examples / "host.c", "-o", work / "example_host", "-ldl", "-pthread")
    assert "nmisim" not in run("readelf", "-d", work / "example_host")
    sampled(run(work / "example_host", example_plugin()))


def python_is_sampled():
    sampled(run(sys.executable, examples / "host.py", example_plugin()))


def later_threads():
    """The hook of pthread_create() by LD_PRELOAD, into a program that was not made for it."""
    (work / "late.c").write_text("""
        #include <dlfcn.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <nmisim/nmisim.h>
        static nmisim_interrupt* i;
        static void* late(void* p)
        {
            struct nmisim_books b;
            nmisim_read_books(i, &b);
            printf("%lu ", b.attached);
            return p;
        }
        int main(void)
        {
            struct nmisim_threads t;
            pthread_t thread;
            if (nmisim_open(&i, SIGPROF) != 0 || nmisim_attach_process(i, 0, 0, NULL, &t) != 0)
                return 1;
            pthread_create(&thread, NULL, late, NULL);
            pthread_join(thread, NULL);
            puts(t.later_ones ? "later ones too" : "not later ones");
            return 0;
        }""")
    run("gcc", *strict, work / "late.c", "-o", work / "late", *shared, "-pthread")
    assert run(work / "late") == "1 not later ones\n"
    assert run(work / "late", env={"LD_PRELOAD": str(hook)}) == "2 later ones too\n"
    exported = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", hook).splitlines()}
    assert exported == {"pthread_create"}, exported


def fully_static():
    run("gcc", "-std=c89", *strict, "-static", "-DMAIN", here / "runtime_plugin.c", "-o", work / "static",
        folder / "libnmisim.a", "-lstdc++", "-pthread")
    assert run(work / "static").splitlines() == expected


def without_exceptions():
    run("g++", "-std=c++20", "-O1", "-fno-exceptions", "-fno-rtti", "-pthread", *strict,
        options.source / "docs/examples/sampler.cpp", "-o", work / "sampler", *shared)
    assert "expirations" in run(work / "sampler")


tap.run([
    ("the runtime library exports what its headers declare, and no std::", exports),
    ("the runtime library needs the C and C++ libraries only, and has no thread-local storage", needs),
    ("the runtime library prints nothing", no_text),
    ("the runtime library's headers include nothing heavy", light_headers),
    ("a program in C89", in_c),
    ("a plugin in a program that knows nothing of it; a signal after dlclose()", in_plain_host),
    ("the same plugin in Python", in_python),
    ("the plugin of the examples samples a program in C with threads", host_is_sampled),
    ("the plugin of the examples samples Python", python_is_sampled),
    ("later threads attach with libnmisim-threads preloaded, and not without", later_threads),
    ("a fully static program", fully_static),
    ("a program without exceptions and type information", without_exceptions),
])
