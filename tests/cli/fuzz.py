#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random command lines and configuration files, from a seed: whatever is typed, the program says something that is true,
on the right stream, and ends with a documented exit code. The run itself is simulated (nmi-sim-fake).

The rules do not depend on how the program reads its input: a file that Python cannot read is an error with that errno;
a file of valid lines is the same run as the same words on the command line; --json is one JSON object; a message is one
line that a terminal can show; a refused command makes no file.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--fake", type=os.path.abspath, required=True)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--cases", type=int, default=150, help="of each kind")
options = parser.parse_args()

MOST_OF_A_CONFIG, MOST_OF_A_LINE = 1 << 20, 4096
CODES = {0, 1, 2, 3, 4, 77}
VALUES = ["", " ", "0", "1", "3", "-1", "10k", "2.5M", "1e9", "nan", "inf", "0x10", "max", "never", "99999999999999999999",
          "5us", "1.5s", "2m", "9999h", "1ns", "0.0000000001s", "x", "=", "=5", "#", "\"x\"", "--json", "-q", "--", "a b",
          "\n", "x\nnmi-sim: PASS", "\x1b[31m", "\r", "\x7f", "5\u00b5s", "\u202e5", "\udcff", "\udcc3(", "x" * 5000,
          "latency.p99>200us", "rate<9.5k", "swaps>0", "latency.p98>1ms", "RTMIN+3", "RTMIN+99", "burst:16", "slow:50us",
          "timer,ipi", "sigqueue,"]
FILES = ["out.json", "/dev/stdout", "page.html", "missing/x", "/dev/null", "/dev/full", ".", "link", "-", "", "x\ny", "\udcff", "n" * 300]
# Valid for each option that a file may have, so that files of valid lines can be made. Those not here get their default.
GOOD = {"rate": ["1", "10k", "2.5M", "max"], "cpus": ["1", "2", "7"], "duration": ["1s", "500ms", "2"], "seed": ["0", "12"],
        "swap-interval": ["0", "1ms", "never", "7"], "flavor": ["memb", "mb", "bp", "qsbr", "nmi", "srcu"], "histogram": [""], "json": [""],
        "workload": ["spin", "idle", "read"], "delivery": ["latch", "queue"], "keep-going": [""], "signal": ["RTMIN+3"],
        "fail-if": ["swaps<1", "handled<5k"], "output": ["run.json", "a b#c.json", "\"q\".json", " x "], "quiet": [""],
        "max-in-flight": ["8", "1k"], "stall-timeout": ["900ms"], "color": ["never", "always"], "affinity": ["none"]}


def call(words, folder):
    environment = {k: v for k, v in os.environ.items() if k == "PATH" or k.endswith("SAN_OPTIONS")}
    environment.update(LC_ALL="C")
    return subprocess.run([options.fake, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=100, check=False)


if b"sanitizer none" in call(["--version"], "/").stdout:
    # A configuration without an end must not take the machine's memory along: inherited by what is run.
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
HELP = call(["--help"], "/").stdout.decode()
OPTIONS = re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: ([A-Z][^ ]*))?", HELP, re.M)  # letter, name, metavar
VERBS = ["list", "help", "completions", "manual", "lits", "", "5", "run"]


class Wrong(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def is_text(line):
    return line == "" or (line.isprintable() and len(line.encode()) <= 2200)


def check_messages(done):
    """One line each, of characters that a terminal shows and does not obey."""
    try:
        lines = done.stderr.decode().split("\n")
    except UnicodeDecodeError:
        raise Wrong("no UTF-8 on standard error") from None
    for line in lines:
        expect(is_text(line), f"not a line that can be shown: {line[:300]!r}")
        expect(re.match(r"nmi-sim: .|nmi-sim \d+\.\d+\.\d+: .|flavor=|Try 'nmi-sim.*' for more information\.$|$", line),
               f"nobody says this: {line[:300]!r}")
    expect(len(done.stderr) < 64_000, "too much on standard error")
    if done.returncode == 2:
        expect(len(lines) >= 3 and lines[-2].startswith("Try '") and not done.stdout, "usage is told otherwise")
    if done.returncode in (1, 77):
        expect(done.stderr.startswith(b"nmi-sim"), "no reason")


def check_output(words, files, done):
    instead = any(re.match(r"--(help|version|print-config)$|-[a-zA-Z]*[hV]", w) for w in words)
    verb = words[0] if words and not words[0].startswith("-") else "run"
    if instead or verb != "run" or done.returncode not in (0, 3, 4):
        return
    if "--json" in words or "-j" in words:
        expect(isinstance(json.loads(done.stdout), dict), "not one JSON object")
    elif ("-q" in words or "--quiet" in words) and not {"-v", "--verbose"} & set(words) and not any("/dev/stdout" in w for w in words) and \
            not any(b"json" in f for f in files.values()):
        most = 1 if "-n" in words or "--dry-run" in words else 6
        expect(done.stdout.count(b"\n") <= most, "not quiet")


def check(words, files, links=()):
    """Runs the program in a folder of its own with `files`; raises Wrong."""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-fuzz-") as name:
        folder = pathlib.Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        for file, target in links:
            (folder / file).symlink_to(target)
        before = {p.name for p in folder.iterdir()}
        done = call(words, folder)
        after = {p.name for p in folder.iterdir()}
        expect(done.returncode in CODES, f"exit code {done.returncode}")
        check_messages(done)
        try:
            check_output(words, files, done)
        except json.JSONDecodeError as why:
            raise Wrong(f"not one JSON object: {why}") from why
        expect(not any(".nmi-sim." in n or ".tmp." in n for n in after), f"left behind: {after - before}")
        if done.returncode in (2, 77):
            expect(after == before, f"refused, and made {after - before}")
        return done


def some_option(rng):
    letter, name, metavar = rng.choice(OPTIONS)
    if name in ("help", "version") and rng.random() < 0.8:
        letter, name, metavar = "n", "dry-run", ""
    if rng.random() < 0.1:
        name, letter = name[:rng.randrange(len(name))] + rng.choice(["", "x", "-", "\x1b", "\u00e9"]), ""
    dashed = f"-{letter}" if letter and rng.random() < 0.4 else f"--{name}"
    if not metavar:
        return [dashed + rng.choice([""] * 9 + ["=1", "x"])]
    value = rng.choice(GOOD.get(name, VALUES) if rng.random() < 0.6 else FILES if metavar == "FILE" else VALUES) or \
        rng.choice(VALUES)
    return [f"{dashed}={value}"] if dashed.startswith("--") and rng.random() < 0.5 else [dashed, value]


def command_line(rng):
    words = [rng.choice(VERBS)] if rng.random() < 0.15 else []
    for _ in range(rng.randrange(1, 6)):
        words += some_option(rng)
    if rng.random() < 0.5:
        words.append(rng.choice(["--json", "-j", "-q", "--quiet"]))
    if rng.random() < 0.3:
        words.append(rng.choice(["--dry-run", "-n"]))
    if rng.random() < 0.1:
        words.insert(rng.randrange(len(words) + 1), rng.choice(VALUES))
    return words


def command_lines():
    rng = random.Random(options.seed)
    return [(command_line(rng), {}, [("link", "elsewhere")]) for _ in range(options.cases)]


def quoted(value):
    plain = value and value == value.strip() and not set(value) & set("#\"")
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def valid_file(rng):
    """A file of valid lines, and the same as words."""
    lines, words = [], []
    for _ in range(rng.randrange(0, 9)):
        name = rng.choice(sorted(GOOD))
        value = rng.choice(GOOD[name])
        lines.append(rng.choice(["{} = {}", "{}={}", "  {}\t=  {}  ", "{} = {} # why\r"]).format(name, quoted(value) if value else "true"))
        words += [f"--{name}"] + ([value] if value else [])
        if rng.random() < 0.3:
            lines.append(rng.choice(["", "# a comment", "   ", "\t# x = y", "#" * 4000]))
    text = "\n".join(lines) + rng.choice(["", "\n"])
    return (b"\xef\xbb\xbf" if rng.random() < 0.2 else b"") + text.encode(), words


def broken_file(rng):
    content, _ = valid_file(rng)
    content = bytearray(content + b"\n")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(content))
        junk = rng.choice([b"\0", b"\xff", b"\x1b[2J", b"=", b"[load]\n", b"nonsense\n", b"x" * 5000, b"\nrate = -5\n", b"\"", b"\n" * 9])
        content[at:at] = junk
    if rng.random() < 0.02:
        content += b"# \n" * (MOST_OF_A_CONFIG // 3)
    return bytes(content)


def reading_fails(path):
    """Why the first MOST_OF_A_CONFIG bytes and the end behind them cannot be read; None if they can."""
    try:
        with open(path, "rb", buffering=0) as file:
            seen = 0
            while piece := file.read(65536):
                seen += len(piece)
                if seen > MOST_OF_A_CONFIG:
                    return "File too large"
    except OSError as error:
        return os.strerror(error.errno)
    return None


def valid_configurations():
    rng = random.Random(options.seed + 1)
    return [valid_file(rng) for _ in range(options.cases // 3)]


def broken_configurations():
    rng = random.Random(options.seed + 2)
    for _ in range(options.cases // 2):
        yield ["--config", "load.conf", *rng.sample(["-n", "--json", "-q", "--print-config", "--seed=3"], 2)], {"load.conf": broken_file(rng)}


SPECIAL = ["/proc/self/mem", "/dev/zero", "/dev/full", "/dev/null", "/", "/proc", "/proc/self/environ", "/nonexistent", "/dev/null/x",
           "/proc/self/pagemap", "/proc/self/task", "/proc/self/attr/exec", "/proc/self/cmdline", "/etc/shadow", "x" * 300, "y/" * 3000]


def all_of(cases, one):
    """Runs them all, and tells of those that went wrong."""
    wrong, cases = [], list(cases)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for case, problem in zip(cases, pool.map(lambda c: problem_of(one, c), cases)):
            if problem:
                wrong.append(f"{shown(case)}: {problem}")
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:8]))


def problem_of(one, case):
    try:
        one(*case)
    except Wrong as why:
        return ascii(str(why))
    except subprocess.TimeoutExpired:
        return "no end"
    return None


def shown(case):
    return ascii(shlex.join(case[0]) if isinstance(case[0], list) else case)[:400]


def same_run(content, words):
    tail = ["--seed", "7", "--print-config"]
    by_file = check(["--config", "load.conf", *tail], {"load.conf": content})
    by_words = check([*words, *tail], {})
    expect(by_file.returncode == by_words.returncode == 0, (by_file.returncode, by_file.stderr, by_words.returncode, by_words.stderr))
    expect(by_file.stdout == by_words.stdout, f"another run: {by_file.stdout} {by_words.stdout}")
    again = check(["--config", "load.conf", *tail], {"load.conf": by_file.stdout})
    expect(again.stdout == by_file.stdout, "what --print-config writes is another run")


def read_or_told(path, *more):
    done = check(["--config", path, *more], {})
    why = reading_fails(path)
    if why is None:
        expect(done.returncode in (0, 2), done.returncode)
        return
    expect(done.returncode == 1, f"{why}, but exit code {done.returncode}")
    expect(why.encode() in done.stderr and path[:60].encode() in done.stderr, f"not told: {why}, {done.stderr}")


def broken_is_told(words, files):
    done = check(words, files)
    if len(files["load.conf"]) > MOST_OF_A_CONFIG:
        expect(done.returncode == 1 and b"File too large" in done.stderr, (done.returncode, done.stderr))
    elif any(len(line) > MOST_OF_A_LINE for line in files["load.conf"].split(b"\n")):
        expect(done.returncode == 2, f"a line without an end, and exit code {done.returncode}")
    expect(done.returncode == 0 or re.search(rb"load\.conf", done.stderr) or b"would overwrite" in done.stderr or b"cannot write" in done.stderr,
           f"does not name the file: {done.stderr}")


tap.run([
    ("a command line is answered on the right stream, in lines, with a code, and in JSON where asked",
     lambda: all_of(command_lines(), check)),
    ("a file of valid lines is the same run as those words on the command line, and --print-config again",
     lambda: all_of(valid_configurations(), same_run)),
    ("a file that is broken is told by name, or says nothing wrong", lambda: all_of(broken_configurations(), broken_is_told)),
    ("a file that cannot be read is told with its errno, whatever it is",
     lambda: all_of([(path, *more) for path in SPECIAL for more in (("--json", "-n"), ("--print-config",))], read_or_told)),
])
