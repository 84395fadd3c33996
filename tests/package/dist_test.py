#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tarball that `meson dist` makes of the tracked files, with edits: what is in it, and that it builds alone."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--source", type=pathlib.Path, required=True)
parser.add_argument("--version", required=True)
options = parser.parse_args()
scratch = tempfile.TemporaryDirectory(prefix="nmi-sim-dist-")
ROOT = pathlib.Path(scratch.name)
CLONE, BUILD, EXTRACTED = ROOT / "clone", ROOT / "build", ROOT / f"nmi-sim-{options.version}"
# What Meson sets for a test that belongs to this build is not for another one; a commit needs a name.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("MESON_", "NINJA", "DESTDIR", "GIT_"))}
ENVIRONMENT |= {f"GIT_{who}_{what}": "dist@test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def run(*command, folder=ROOT):
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def is_checkout():
    """Not one that merely lies inside another repository's."""
    if shutil.which("git") is None:
        return False
    done = subprocess.run(["git", "rev-parse", "--show-toplevel"], cwd=options.source, env=ENVIRONMENT, capture_output=True,
                          text=True, check=False)
    return done.returncode == 0 and pathlib.Path(done.stdout.strip()).samefile(options.source)


def dist():
    tree = run("git", "stash", "create", folder=options.source).strip() or "HEAD"
    commit = run("git", "rev-parse", tree, folder=options.source).strip()
    run("git", "clone", "--quiet", "--shared", "--no-checkout", options.source, CLONE)
    run("git", "checkout", "--quiet", "--detach", commit, folder=CLONE)
    run("meson", "setup", BUILD, CLONE)
    run("meson", "dist", "-C", BUILD, "--no-tests", "--formats", "xztar")
    with tarfile.open(BUILD / "meson-dist" / f"nmi-sim-{options.version}.tar.xz") as archive:
        archive.extractall(ROOT)


def contents():
    packed = {str(p.relative_to(EXTRACTED)) for p in EXTRACTED.rglob("*") if p.is_file() or p.is_symlink()}
    tracked = run("git", "ls-files", folder=CLONE).splitlines()
    kept_out = {name for name in tracked if name.startswith((".ci/", ".git"))}
    assert kept_out, "nothing is kept out: .gitattributes is not there"
    assert packed == set(tracked) - kept_out, packed ^ (set(tracked) - kept_out)
    assert os.access(EXTRACTED / "tools" / "nmi-stress", os.X_OK)


def builds():
    run("meson", "setup", ROOT / "alone", EXTRACTED)  # misses each file that a meson.build lists
    run("ninja", "-C", ROOT / "alone", "src/rcu/librcu.a")


if not is_checkout():
    print("1..0 # SKIP not a git checkout, or no git: nothing to make a tarball of")
    sys.exit(0)
tap.run([("meson dist makes a tarball", dist), ("it has what is tracked, but for what concerns the repository", contents),
         ("it is set up and builds outside of a repository", builds)])
