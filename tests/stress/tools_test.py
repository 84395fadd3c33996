#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""quickstart.sh, test.sh and bench.sh, copied to a tree where Meson and ninja only note how they are called."""
import argparse
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
parser.add_argument("--tools", type=pathlib.Path, required=True)
options = parser.parse_args()
scratch = tempfile.TemporaryDirectory(prefix="nmi-sim-tools-")
STUBS = {
    "meson": '[[ $1 != --version ]] || { echo 1.0; return; }\n[[ $1 != setup ]] || { mkdir -p "${@: -2:1}/meson-private" && [[ ! -e broken ]] && touch "${@: -2:1}/build.ninja"; }',
    "ninja": 'mkdir -p "$2/src/cli" && printf \'#!/bin/bash\\necho "in $PWD: $*"\\n\' >"$2/src/cli/nmi-sim" && chmod +x "$2/src/cli/nmi-sim"',
}


class Tree:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
        self.asked = self.root / "asked"
        shutil.copytree(options.tools, self.root / "tools")
        # Exported functions: test.sh puts /usr/bin first in PATH.
        self.functions = {f"BASH_FUNC_{name}%%": f'() {{ echo "{name} $*" >>"{self.asked}"\n{does}\n}}' for name, does in STUBS.items()}

    def run(self, *words, cwd=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **env):
        return subprocess.run([str(w) for w in words], cwd=cwd or self.root, stdout=stdout, stderr=stderr, text=True, timeout=100,
                              check=False, env=os.environ | self.functions | env)


def cannot_be_told():
    for script, words in (("quickstart.sh", ["--help"]), ("test.sh", ["--help"]), ("bench.sh", ["--help"]),
                          ("test.sh", ["--frob"]), ("bench.sh", ["--frob"]), ("bench.sh", ["--out"]), ("bench.sh", ["--repetitions", "0"]),
                          ("bench.sh", ["--repetitions", "x1"])):
        t = Tree()
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = t.run(f"tools/{script}", "--no-install", *words, stdout=full, stderr=subprocess.PIPE if words == ["--help"] else full)
        assert done.returncode == (2 if words != ["--help"] else 1) and not t.asked.exists(), (script, words, done)


def callers_folder():
    t = Tree()
    caller = t.root / "else where"
    caller.mkdir()
    done = t.run(t.root / "tools/quickstart.sh", "--no-install", "--config", "my.conf", cwd=caller)
    assert done.returncode == 0 and done.stdout == f"in {caller}: --config my.conf\n", done
    assert t.run("tools/quickstart.sh", "--no-install", "-q").stdout == f"in {t.root}: -q\n"


def called_from_anywhere():
    """CDPATH makes cd print and lead elsewhere; a symlink has another folder beside it."""
    t = Tree()
    link = t.root / "link"
    (t.root / "elsewhere/tools").mkdir(parents=True)
    for script in ("quickstart.sh", "test.sh", "bench.sh"):
        link.unlink(missing_ok=True)
        link.symlink_to(f"tools/{script}")
        for words, env in ((["bash", f"tools/{script}"], {"CDPATH": str(t.root / "elsewhere")}), (["./link"], {})):
            done = t.run(*words, "--help", **env)
            assert done.returncode == 0 and f"Usage: tools/{script}" in done.stdout and not done.stderr, done
        (t.root / "alone").mkdir(exist_ok=True)
        alone = shutil.copy(t.root / "tools" / script, t.root / "alone")
        done = t.run(alone, "--no-install", "--no-such")
        assert done.returncode == 1 and "packages.sh: No such file" in done.stderr and len(done.stderr.splitlines()) == 1, done


def not_its_own():
    """A build folder is replaced when the scripts made it, and only then."""
    t = Tree()
    (t.root / "build/meson-private").mkdir(parents=True)
    (t.root / "build/mine").touch()
    done = t.run("tools/quickstart.sh", "--no-install", "--no-run")
    assert done.returncode == 1 and f"{t.root}/build: somebody else's build folder" in done.stderr, done
    assert (t.root / "build/mine").exists() and "setup" not in t.asked.read_text(), t.asked.read_text()
    shutil.rmtree(t.root / "build")
    (t.root / "broken").touch()
    assert t.run("tools/quickstart.sh", "--no-install", "--no-run").returncode == 1
    (t.root / "broken").unlink()
    for old in (True, False, False):  # half made, as it should be, of another place
        done = t.run("tools/quickstart.sh", "--no-install", "--no-run")
        assert done.returncode == 0, done
        assert (t.root / "build/old").exists() != old, "half made" if old else "thrown away"
        (t.root / "build/old").touch()
    (t.root / "build/configured-as").write_text("another place\n")
    assert t.run("tools/quickstart.sh", "--no-install", "--no-run").returncode == 0 and not (t.root / "build/old").exists()


def shows_how_far_it_is():
    """A line now and then where no terminal is, what a compiler says between, and the end with the way to the program."""
    t = Tree()
    steps = "".join(f"echo '@ {n} 4 Compiling {n}'; " for n in range(1, 5))
    made = STUBS["ninja"]
    t.functions["BASH_FUNC_ninja%%"] = f"() {{ {made}\necho 'ninja: Entering directory build'; {steps} echo 'a.cpp:1: warning: odd'\n}}"
    done = t.run("tools/quickstart.sh", "--no-install", "--seed", "1")
    assert done.returncode == 0 and done.stdout == f"in {t.root}: --seed 1\n", done
    lines = done.stderr.splitlines()
    assert "  4 of 4 files" in lines and "a.cpp:1: warning: odd" in lines, lines
    assert not any("@" in line or "Entering" in line or "\x1b" in line for line in lines), lines
    assert f"  export PATH={t.root}/build/src/cli:$PATH" in lines and f"  sudo meson install -C {t.root}/build" in lines, lines
    found = t.run("bash", "-c", f"{lines[lines.index('To type nmi-sim instead of its path, in this shell:') + 1]}; command -v nmi-sim")
    assert found.stdout == f"{t.root}/build/src/cli/nmi-sim\n", found
    again = t.run("tools/quickstart.sh", "--no-install", "--seed", "1", PATH=f"{t.root}/build/src/cli:{os.environ['PATH']}")
    assert "export PATH" not in again.stderr, again.stderr


def tells_what_failed():
    """A build that fails ends with its messages and exit code 1, and runs nothing."""
    t = Tree()
    t.functions["BASH_FUNC_ninja%%"] = "() { echo '@ 1 4 Compiling'; echo 'FAILED: a.o'; echo 'a.cpp:1: error: no'; return 1; }"
    done = t.run("tools/quickstart.sh", "--no-install")
    assert done.returncode == 1 and not done.stdout, done
    assert "a.cpp:1: error: no" in done.stderr and done.stderr.endswith("could not build, see above\n"), done.stderr


def time_to_go():
    """How long it will still take stands beside, once there is something to judge by."""
    t = Tree()
    body = (t.root / "tools/quickstart.sh").read_text()
    body = body[body.index("show_progress()"):body.index("say_where_it_is()")]
    script = f"say() {{ printf '%s\\n' \"$*\" >&2; }}\n{body}\nSECONDS=30; show_progress 0 < <(printf '@ 10 40 x\\n@ 40 40 x\\n')"
    done = t.run("bash", "-c", script)
    first, last = done.stderr.splitlines()
    assert re.match(r"  10 of 40 files, about 9\d s to go$", first) and last == "  40 of 40 files", done.stderr


def links_with_gold():
    """Where it is there; not with another compiler, a sanitizer or for another processor."""
    t = Tree()
    for folder in ("with", "without"):
        (t.root / folder).mkdir()
        for program in ("bash", "dirname", *(["ld.gold"] if folder == "with" else [])):
            (t.root / folder / program).symlink_to(shutil.which(program) or "/bin/true")
        script = "source tools/packages.sh; " + "; ".join(f'echo "$(linker_for {words})"' for words in (
            "g++", "g++ -Dwerror=true", "clang++", "g++ -Db_sanitize=thread", "g++ -Dwerror=true --cross-file a.ini"))
        done = t.run("bash", "-c", script, PATH=str(t.root / folder))
        assert done.stdout.split("\n") == (["gold", "gold"] if folder == "with" else ["", ""]) + [""] * 4, done


tap.run([
    ("help and mistakes that cannot be printed start nothing", cannot_be_told),
    ("quickstart.sh runs nmi-sim in the caller's folder", callers_folder),
    ("the scripts find their tree, whatever CDPATH says and through symlinks", called_from_anywhere),
    ("quickstart.sh shows how far it is, and ends with the way to the program", shows_how_far_it_is),
    ("quickstart.sh tells what failed", tells_what_failed),
    ("quickstart.sh says how long it will still take", time_to_go),
    ("a build folder of somebody else's is left alone", not_its_own),
    ("g++ links with gold where it is there", links_with_gold),
])
