#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completions and manual page against the program: each option of each verb, each listed value, nothing else.

They are compared with `--help` and `list --names`, which suite unit checks against the option table. The shells
run the files as they are installed. The manual page is checked as text.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--folder", type=pathlib.Path, required=True, help="where nmi-sim, _nmi-sim, nmi-sim.fish, nmi-sim.1 are")
options = parser.parse_args()


# The scripts ask the program that is typed.
BESIDE = os.environ | {"PATH": f"{pathlib.Path(options.program).resolve().parent}:{os.environ['PATH']}"}


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=BESIDE)
    assert done.returncode == 0 and not done.stderr, f"{command[:3]}: {done.returncode} {done.stderr}"
    return done.stdout


def sim(*words):
    return output(options.program, *words)


VERBS = re.findall(r"^  (\w+)  ", re.search(r"Verbs.*?:\n(.*?)\n\n", sim("--help"), re.S).group(1), re.M)
TOPICS = [line.split(":")[0] for line in sim("list").splitlines() if re.match(r"[\w-]+: ", line)]


def helped(verb):
    """{option: (its letter or None, whether it takes a value)} of a verb, from its help."""
    found = re.findall(r"^  (?:-(\w), |    )--([\w-]+)( [A-Z]+)?", sim(verb, "--help"), re.M)
    return {name: (letter or None, bool(metavar)) for letter, name, metavar in found}


def names(topic):
    return {name[:name.index(":") + 1] if ":" in name else name for name in sim("list", "--names", topic).split()}


# Values that a completion offers, by option; the option's own setter accepts them (suite unit).
VALUES = {"flavor": "flavors", "fault": "faults", "workload": "workloads", "delivery": "deliveries", "reclaim": "reclaims",
          "controller": "controllers", "color": "colors", "arrival": "arrivals", "source": "sources", "handler": "handlers"}


def bash(*words):
    """What bash offers for the last of `words`."""
    script = """source "$1"; shift; COMP_WORDS=(nmi-sim "$@"); COMP_CWORD=$#; _nmi_sim
                [[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "${COMPREPLY[@]}" """
    return set(output("bash", "--norc", "-c", script, "-", str(options.folder / "nmi-sim"), *words).split("\n")) - {""}


def fish(*words):
    # Options are offered in their long and short forms; here only words that begin like the last one.
    line = " ".join(("nmi-sim",) + words)
    text = output("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", str(options.folder / "nmi-sim.fish"), line)
    return {entry.split("\t")[0] for entry in text.splitlines()}


def zsh(*words):
    """What zsh hands to _describe, or "files"."""
    script = """compdef() { :; }; _describe() { print -rl -- $described }; _files() { print files }
                source $1; words=(nmi-sim "${(@)argv[2,-1]}"); CURRENT=$#words; _nmi-sim; true"""
    text = output("zsh", "-f", "-c", script, "-", str(options.folder / "_nmi-sim"), *words)
    return {re.split(r"(?<!\\):", line)[0].replace("\\:", ":") for line in text.splitlines()} - {""}


def needs(shell):
    if shutil.which(shell) is None:
        raise tap.Skipped(f"no {shell} here")


def bash_knows_each_option():
    for verb in VERBS:
        expected = {f"--{name}" for name in helped(verb)}
        assert bash(verb, "--") == expected, (verb, bash(verb, "--") ^ expected)
    assert bash("--") == {f"--{name}" for name in helped("run")}
    assert bash("") == set(VERBS), bash("")
    assert bash("list", "") == set(TOPICS)


def bash_knows_each_value():
    for option, topic in VALUES.items():
        expected = names(topic)
        assert bash(f"--{option}", "") == expected, (option, bash(f"--{option}", ""), expected)
        assert bash(f"--{option}", "=", "") == expected, f"--{option}="
    assert bash("explore", "--flavor", "") == names("flavors") | {"all"}
    assert bash("exec", "--restart", "") == names("restarts")
    assert bash("exec", "--", str(pathlib.Path(__file__))[:-1]) == {str(pathlib.Path(__file__))}
    assert bash("-f", "no-g") == {"no-grace-period"}
    assert bash("--rate", "") == set()
    assert bash("--source", "sigqueue,t") == {"sigqueue,timer"}
    assert bash("--source", "=", "timer,") == {f"timer,{s}" for s in names("sources") - {"timer"}}
    assert bash("--flavor", "memb,") == set()  # one only


def bash_knows_the_helpers():
    helped_ones = set(VERBS) | {"help", "completions", "manual"}
    assert bash("help", "") == helped_ones, bash("help", "")
    assert bash("help", "ex") == {"exec", "explore"}
    assert bash("completions", "") == {"bash", "zsh", "fish"}
    assert bash("manual", "") == bash("help", "run", "") == bash("help", "run", "--") == set()


def fish_knows_the_helpers():
    needs("fish")
    assert fish("help", "") == set(VERBS) | {"help", "completions", "manual"}, fish("help", "")
    assert fish("completions", "") == {"bash", "zsh", "fish"}
    assert not fish("completions", "--"), fish("completions", "--")


def zsh_knows_the_helpers():
    needs("zsh")
    assert zsh("help", "") == set(VERBS) | {"help", "completions", "manual"}, zsh("help", "")
    assert zsh("completions", "") == {"bash", "zsh", "fish"}
    assert not zsh("manual", ""), zsh("manual", "")


def bash_offers_files():
    here = pathlib.Path(__file__)
    got = bash("--output", str(here)[:-1])
    assert got == {str(here)}, got


def fish_knows_each_option():
    needs("fish")
    for verb in VERBS:
        got = fish(verb, "--")
        expected = {f"--{name}" for name in helped(verb)}
        assert {g.rstrip("=") for g in got} == expected, (verb, got ^ expected)
    assert fish("") == set(VERBS), fish("")
    assert fish("list", "") == set(TOPICS)


def fish_knows_each_value():
    needs("fish")
    for option, topic in VALUES.items():
        assert fish(f"--{option}", "") == names(topic), (option, fish(f"--{option}", ""))
    assert fish("explore", "--flavor", "") == names("flavors") | {"all"}


def zsh_knows_each_option():
    needs("zsh")
    for verb in VERBS:
        expected = {f"--{name}" for name in helped(verb)}
        assert zsh(verb, "--") == expected, (verb, zsh(verb, "--") ^ expected)
    assert zsh("") == set(VERBS), zsh("")
    assert zsh("--output", "") == {"files"}


def zsh_knows_each_value():
    needs("zsh")
    for option, topic in VALUES.items():
        assert zsh("run", f"--{option}", "") == names(topic), (option, zsh("run", f"--{option}", ""))
        assert zsh("run", f"--{option}=") == {f"--{option}={name}" for name in names(topic)}, option


def manual_page():
    if not (options.folder / "nmi-sim.1").exists():
        raise tap.Skipped("built without scdoc")
    needs("mandoc")
    return output("mandoc", "-T", "ascii", "-O", "width=1000", str(options.folder / "nmi-sim.1"))


def manual_knows_each_option():
    text = re.sub(r".\x08", "", manual_page())
    for verb in VERBS:
        section = re.search(rf"^OPTIONS OF {verb.upper()}\n(.*?)^[A-Z]", text, re.S | re.M).group(1)
        got = {name: (letter or None, bool(metavar))
               for letter, name, metavar in re.findall(r"^ {5,}(?:-(\w), )?--([\w-]+)(?:\[=\S+\])?( [A-Z]\S*)?$", section, re.M)}
        assert got == helped(verb), (verb, set(got) ^ set(helped(verb)))
    for code in sim("list", "--names", "exit-codes").split():
        assert re.search(rf"^ +{code}$", text, re.M), code


def manual_is_of_this_version():
    told = sim("--version").splitlines()[0]
    assert re.fullmatch(r"nmi-sim \d+\.\d+\.\d+", told), told
    for page in ("nmi-sim.1", "nmi-stress.1"):
        manual_page()
        assert told in output("mandoc", "-T", "ascii", str(options.folder / page)).splitlines()[-1], page


def manual_is_clean():
    manual_page()
    done = subprocess.run(["mandoc", "-T", "lint", str(options.folder / "nmi-sim.1")], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


assert len(VERBS) >= 3 and len(TOPICS) >= 10, (VERBS, TOPICS)
tap.run([
    ("bash completes each option of each verb and no other", bash_knows_each_option),
    ("bash completes each listed value", bash_knows_each_value),
    ("bash completes file names", bash_offers_files),
    ("bash completes what help and completions take", bash_knows_the_helpers),
    ("fish completes what help and completions take", fish_knows_the_helpers),
    ("zsh completes what help and completions take", zsh_knows_the_helpers),
    ("fish completes each option of each verb and no other", fish_knows_each_option),
    ("fish completes each listed value", fish_knows_each_value),
    ("zsh completes each option of each verb and no other", zsh_knows_each_option),
    ("zsh completes each listed value", zsh_knows_each_value),
    ("the manual page has each option of each verb, and each exit code", manual_knows_each_option),
    ("the manual pages tell the version of the program", manual_is_of_this_version),
    ("the manual page lints clean", manual_is_clean),
])
