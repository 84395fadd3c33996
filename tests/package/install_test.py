#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` puts under a DESTDIR, and projects outside of this tree that are built against it.

The projects are docs/examples/profiler, copied elsewhere, with pkg-config, CMake and Meson; one of them with each
compiler. Nothing is taken from the build folder.
"""
import argparse
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--source", type=pathlib.Path, required=True)
parser.add_argument("--build", type=pathlib.Path, required=True)
parser.add_argument("--prefix", required=True)
parser.add_argument("--libdir", required=True)
parser.add_argument("--datadir", required=True)
parser.add_argument("--mandir", required=True)
parser.add_argument("--manual", choices=["true", "false"], required=True, help="it could be made")
parser.add_argument("--version", required=True)
options = parser.parse_args()
os.environ.pop("LD_LIBRARY_PATH", None)  # Meson's, of the build folder
scratch = tempfile.TemporaryDirectory(prefix="nmisim-package-")
work = pathlib.Path(scratch.name)
destdir = work / "root"
prefix = pathlib.Path(str(destdir) + options.prefix)
libdir = prefix / options.libdir
soname = "libnmisim-machine.so." + ".".join(options.version.split(".")[:2])


def run(*command, cwd=None, env=None, ok=True):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, cwd=cwd,
                          env=os.environ | (env or {}), check=False)
    assert not ok or done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def needs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise tap.Skipped(f"no {program} here")


def pkg_config(*words):
    """Its answer for the staged tree; liburcu and the like stay the system's own."""
    return run("pkg-config", f"--define-variable=prefix={prefix}", *words,
               env={"PKG_CONFIG_PATH": str(libdir / "pkgconfig")}).split()


def install():
    run("meson", "install", "-C", options.build, "--no-rebuild", "--destdir", destdir)
    missing = [name for name in (
        "bin/nmi-sim", "bin/nmi-stress", f"{options.datadir}/nmi-sim/stress/scenario.py",
        f"{options.datadir}/nmi-sim/stress/scenarios/memb-defaults.conf",
        *([f"{options.mandir}/man1/nmi-sim.1"] if options.manual == "true" else []), f"{options.libdir}/libnmisim-machine.a", f"{options.libdir}/libnmisim-explore.a",
        f"{options.libdir}/libnmisim.a", f"{options.libdir}/libnmisim.so.{options.version}", f"{options.libdir}/libnmisim-threads.so.{options.version}", f"{options.libdir}/pkgconfig/nmisim.pc",
        f"{options.libdir}/libnmisim-machine.so.{options.version}", f"{options.libdir}/{soname}", f"{options.libdir}/libnmisim-machine.so",
        f"{options.libdir}/pkgconfig/nmisim-machine.pc", f"{options.libdir}/pkgconfig/nmisim-explore.pc",
        f"{options.libdir}/cmake/nmisim/nmisimConfig.cmake", f"{options.libdir}/cmake/nmisim/nmisimConfigVersion.cmake",
        *(f"{options.datadir}/{name}" for name in (
            "bash-completion/completions/nmi-sim", "zsh/site-functions/_nmi-sim", "fish/vendor_completions.d/nmi-sim.fish",
            *(f"nmi-sim/nmi-sim-{what}-1.schema.json" for what in ("exec", "explore", "result")))),
    ) if not (prefix / name).exists()]
    assert not missing, missing
    headers = {p.name for p in (options.source / "include/nmisim").glob("*.h*")}
    assert {p.name for p in (prefix / "include/nmisim").iterdir()} == headers
    outside = [p for p in destdir.rglob("*") if p.is_file() and not p.is_relative_to(prefix)]
    assert not outside, outside


def debian_packages():
    """Each file that is installed goes into one Debian package (debhelper would say so, minutes later)."""
    if "/" not in options.libdir:
        raise tap.Skipped(f"Debian's folders have the architecture in their names, {options.libdir} has not")
    rows = [(line, package.stem) for package in (options.source / "package/debian").glob("*.install")
            for line in package.read_text().split()]
    used = set()
    for path in prefix.rglob("*"):
        if path.is_dir():
            continue
        name = f"usr/{path.relative_to(prefix)}"
        here = [row for row in rows if any(fnmatch.fnmatchcase(name, pattern) for pattern in (row[0], row[0] + "/*"))]
        assert len({package for _, package in here}) == 1, f"{name}: {here}"
        used.update(here)
    assert used == set(rows), set(rows) - used


def program_runs():
    """The run is long enough for every check to see something on a busy machine."""
    assert "nmi-sim" in run(prefix / "bin/nmi-sim", "--version")
    assert "PASS" in run(prefix / "bin/nmi-sim", "--duration", "2s")


def stress_manual():
    """By the names of its options, as far as they go."""
    if options.manual != "true":
        raise tap.Skipped("no manual was made")
    page = (prefix / options.mandir / "man1/nmi-stress.1").read_text().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
    wanted = set(re.findall(r"^  (--[\w-]+)", run(prefix / "bin/nmi-stress", "--help"), re.M))
    described = set(re.findall(r"^(--[\w-]+)", page, re.M))
    assert wanted and wanted == described, wanted ^ described


def stress_runs():
    done = run(prefix / "bin/nmi-stress", "--scenarios", "memb-defaults", "--duration", "1s", "--output", work / "stress")
    assert "PASS: 1 passed" in done, done
    assert str(prefix / "bin/nmi-sim") in (work / "stress/latest/settings").read_text()
    assert not list(destdir.rglob("__pycache__"))
    assert "<title>nmi-stress: PASS" in (work / "stress/index.html").read_text()


def stress_elsewhere():
    """Configured only: where the script looks follows from the folders that it is installed into."""
    for number, (words, bin_folder, data_folder) in enumerate((
            (["-Dbindir=lib/a/b", "-Ddatadir=data/c"], "usr/lib/a/b", "usr/data/c"),
            (["-Ddatadir=" + str(work / "elsewhere")], "usr/bin", work / "elsewhere"))):
        build, root = work / f"configured-{number}", work / f"placed-{number}"
        run("meson", "setup", "--prefix=/usr", "-Dtests=false", *words, build, options.source)
        shutil.copytree(options.source / "tools/stress", root / data_folder / "nmi-sim/stress")
        (root / bin_folder).mkdir(parents=True)
        shutil.copy(build / "package/nmi-stress", root / bin_folder)
        assert "memb-defaults" in run(root / bin_folder / "nmi-stress", "--list", cwd=root)


def headers_stand_alone():
    headers = sorted((prefix / "include/nmisim").iterdir())
    assert headers
    for header in headers:
        (work / "alone.cpp").write_text(f"#include <nmisim/{header.name}>\n")
        run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{prefix / 'include'}", work / "alone.cpp")


def headers_hide_the_inside():
    """What only tests of the checks may do to a machine is in src, not in what users include."""
    for header in (prefix / "include/nmisim").iterdir():
        shown = set(re.findall(r"\w+", header.read_text())) & {"internals", "machine_faults", "trace_log", "entry_kind"}
        assert not shown, f"{header.name}: {shown}"


def exports_the_interface_only():
    """Strong symbols that are exported are declared in a header; nothing of the layers below comes through."""
    text = "".join(p.read_text() for p in (prefix / "include/nmisim").iterdir())
    words = set(re.findall(r"\w+", text))
    seen = 0
    for library in ("libnmisim.so", "libnmisim-machine.so", "libnmisim-explore.so"):
        for line in run("nm", "-DC", "--defined-only", libdir / library).splitlines():
            _, kind, name = line.split(" ", 2)
            if kind in "TDBR":
                seen += 1
                assert name.startswith(("nmisim::", "nmisim_")), f"{library} exports {name}"
                plain = re.sub(r"\[abi:\w+\]", "", name.split("(")[0]).replace("~", "")
                unknown = set(re.findall(r"\w+", plain)) - words
                assert not unknown, f"{library} exports {name}: {unknown} is in no header"
    assert seen > 30, seen


def library_is_safe_in_handlers():
    dynamic = run("readelf", "-d", libdir / "libnmisim-machine.so")
    assert f"[{soname}]" in dynamic
    assert re.search(r"FLAGS.*BIND_NOW", dynamic) and "NODELETE" in dynamic, dynamic
    assert "__tls_get_addr" not in run("nm", "-D", "--undefined-only", libdir / "libnmisim-machine.so")
    assert "-Wl,-z,now" in pkg_config("--libs", "nmisim-machine")


def copied(example):
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    return pathlib.Path(shutil.copytree(options.source / "docs/examples" / example, folder / example))


def check_profiler(program, shared=True):
    needed = run("readelf", "-d", program)
    assert (soname in needed) == shared, needed
    printed = run(program, env={"LD_LIBRARY_PATH": str(libdir)} if shared else {})
    assert re.search(r"^[1-9]\d* samples of [1-9]\d* NMIs$", printed, re.M), printed
    shares = dict((name, float(share)) for share, name in re.findall(r"([\d.]+) %  (\w+)", printed))
    assert shares["hot"] > shares.get("cold", 0), printed  # few samples may all lie in one


def with_pkg_config(compiler, shared):
    needs(compiler)
    folder = copied("profiler")
    words = pkg_config("--cflags", "--libs", *([] if shared else ["--static"]), "nmisim-machine")
    if not shared:
        words = [str(libdir / "libnmisim-machine.a") if w == "-lnmisim-machine" else w for w in words]
    run(compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-rdynamic", "profiler.cpp", "-o", "profiler", *words, cwd=folder)
    check_profiler(folder / "profiler", shared)


def with_cmake(compiler):
    needs("cmake", compiler)
    folder = copied("profiler")
    run("cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build", f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder / "build")
    check_profiler(folder / "build/profiler")
    wanted = (folder / "CMakeLists.txt").read_text().replace(f"find_package(nmisim {options.version.rpartition('.')[0]} ", "find_package(nmisim 99.0 ")
    (folder / "CMakeLists.txt").write_text(wanted)
    done = subprocess.run(["cmake", "-G", "Ninja", "-S", folder, "-B", folder / "newer", f"-DCMAKE_PREFIX_PATH={prefix}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "compatible" in done.stderr, done.stderr


def with_meson():
    folder = copied("profiler")
    run("meson", "setup", folder / "build", folder, env={
        "PKG_CONFIG_PATH": str(libdir / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(destdir), "CXX": "g++"})
    run("ninja", "-C", folder / "build")
    check_profiler(folder / "build/profiler")


def explorer_outside():
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    source = options.source / "docs/examples/explore_counter.cpp"
    words = pkg_config("--cflags", "--libs", "nmisim-explore")
    run("g++", "-std=c++20", "-O2", "-g", source, "-o", folder / "explore", *words)
    here = subprocess.run([options.build / "docs/examples/explore_counter"], capture_output=True, text=True, check=False)
    there = subprocess.run([folder / "explore"], capture_output=True, text=True, check=False,
                           env=os.environ | {"LD_LIBRARY_PATH": str(libdir)})
    if here.returncode == 77:
        raise tap.Skipped(here.stdout + here.stderr)
    assert there.returncode == here.returncode, there.stdout + there.stderr
    assert "violation" in there.stdout, there.stdout


def plugin(host_links):
    """A plugin is loaded, used and unloaded; the handler that libnmisim-machine leaves behind is not."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    here = pathlib.Path(__file__).parent
    words = pkg_config("--cflags", "--libs", "nmisim-machine")
    run("g++", "-std=c++20", "-shared", "-fPIC", here / "plugin.cpp", "-o", folder / "plugin.so", *words)
    run("g++", "-std=c++20", here / "plugin_host.cpp", "-o", folder / "host",
        *(["-Wl,--no-as-needed"] + words if host_links else []))
    early = {"LD_PRELOAD": soname}
    environment = {"LD_LIBRARY_PATH": str(libdir)}
    printed = run(folder / "host", folder / "plugin.so", env=environment | ({} if host_links else early))
    assert printed.splitlines() == ["100 NMIs", "dlclose 0", "alive"], printed
    if not host_links:
        refused = run(folder / "host", folder / "plugin.so", env=environment, ok=False)
        assert "cannot allocate memory in static TLS block" in refused, f"docs/library.md says otherwise: {refused}"


def runtime_outside():
    """A program in C by CMake and one in C++ by pkg-config; neither needs liburcu or libunwind."""
    needs("cmake", "gcc")
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    shutil.copy(pathlib.Path(__file__).parent / "runtime_plugin.c", folder / "program.c")
    (folder / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.18)
project(outside LANGUAGES C)
find_package(nmisim REQUIRED)
add_executable(program program.c)
target_compile_definitions(program PRIVATE MAIN _GNU_SOURCE)
target_link_libraries(program PRIVATE nmisim::nmisim)
""")
    run("cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder / "build")
    # Without the simulator's libraries: a project that asks for one of them is told so, another one is not.
    alone = shutil.copytree(prefix, folder / "alone", symlinks=True)
    for library in ("machine", "explore"):
        (alone / options.libdir / f"libnmisim-{library}.so.{options.version}").unlink()
    run("cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build-alone", f"-DCMAKE_PREFIX_PATH={alone}")
    (folder / "CMakeLists.txt").write_text((folder / "CMakeLists.txt").read_text().replace("REQUIRED", "REQUIRED COMPONENTS machine"))
    done = subprocess.run(["cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build-machine", f"-DCMAKE_PREFIX_PATH={alone}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "libnmisim-machine" in done.stderr, done.stderr
    words = pkg_config("--cflags", "--libs", "nmisim")
    assert not [w for w in words if "urcu" in w or "unwind" in w], words
    run("g++", "-std=c++20", options.source / "docs/examples/sampler.cpp", "-o", folder / "sampler", *words)
    for program, says in ((folder / "build/program", "100 calls, 100 handled"), (folder / "sampler", "expirations")):
        assert says in run(program, env={"LD_LIBRARY_PATH": str(libdir)})


tap.run([
    ("everything is installed below the prefix", install),
    ("each installed file is in one Debian package", debian_packages),
    ("the installed program runs", program_runs),
    ("the installed nmi-stress runs the installed program and scenarios", stress_runs),
    ("the manual of nmi-stress has its options", stress_manual),
    ("nmi-stress finds its scenarios where the folders are others", stress_elsewhere),
    ("each installed header stands alone", headers_stand_alone),
    ("the installed headers do not show what a machine is made of", headers_hide_the_inside),
    ("the shared libraries export the interface only", exports_the_interface_only),
    ("the shared library binds at start-up, stays loaded and never enters the loader for TLS", library_is_safe_in_handlers),
    ("a project outside: pkg-config, g++, shared", lambda: with_pkg_config("g++", True)),
    ("a project outside: pkg-config, clang++, shared", lambda: with_pkg_config("clang++", True)),
    ("a project outside: pkg-config --static, g++", lambda: with_pkg_config("g++", False)),
    ("a project outside: CMake, clang++; a newer version is refused", lambda: with_cmake("clang++")),
    ("a project outside: Meson", with_meson),
    ("the explorer is used from outside", explorer_outside),
    ("the runtime library is used from outside, in C and in C++", runtime_outside),
    ("a plugin in a program that links libnmisim-machine; an NMI after dlclose()", lambda: plugin(True)),
    ("a plugin in a program that does not is refused, or needs libnmisim-machine preloaded, as the document says", lambda: plugin(False)),
])
