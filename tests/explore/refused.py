#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does not compile with the exploration's header, and with which message; and that an alias is enough to use it."""
import argparse
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--source", required=True, type=pathlib.Path)
parser.add_argument("compiler", nargs="+")
options = parser.parse_args()
options.compiler = [word for word in options.compiler if word != "--"]

SIGNAL = "install it in setup, by sigaction()"
CAPTURES = "a lambda without captures: keep its data in globals, and a handler that needs more: install it in setup"


def compiled(text):
    return subprocess.run([*options.compiler, "-std=c++20", "-fsyntax-only", "-I", str(options.source / "include"), "-x", "c++", "-"],
                          input="#include <nmisim/explore.hpp>\n" + text, text=True, capture_output=True, check=False, timeout=120)


def refused(text, words):
    def case():
        done = compiled(text)
        assert done.returncode != 0 and words in done.stderr, (text, done.stderr)
    return case


def accepted(text):
    def case():
        done = compiled(text)
        assert done.returncode == 0, done.stderr
    return case


def no_using():
    files = [*(options.source / "docs").rglob("*"), *(options.source / "include").rglob("*"), options.source / "README.md"]
    looked = [f for f in files if f.suffix in (".cpp", ".hpp", ".md")]
    assert len(looked) > 10, looked
    bad = [str(f) for f in looked if re.search(r"^[ /]*using namespace nmisim", f.read_text(), re.M)]
    assert not bad, bad


ALIAS = "namespace explore = nmisim::explore;\n"
# A program with names of its own that the exploration has too.
NAMES = """#include <map>
using namespace std;
struct record {}; struct cell {}; struct race {}; struct place {}; struct limits {};
map<int, record> all; cell c; race r; place p; limits l;
static int n;
""" + ALIAS + """
int main()
{
    auto found = explore::sweep({.prepare = [] { n = 0; }, .window = [] { ++n; }, .nmi = [] { ++n; },
                                 .broken = [] { return n == 2 ? nullptr : "lost"; }});
    return exit_code(found) + exit_code(explore::audit("a", [] { ++n; }));
}
"""

tap.run([
    ("a handler with siginfo and context is refused", refused(
        ALIAS + "void h(int, siginfo_t*, void*); explore::target t{.nmi = h};", SIGNAL)),
    ("a handler with a signal number is refused", refused(ALIAS + "void h(int); explore::target t{.nmi = &h};", SIGNAL)),
    ("such a lambda is refused", refused(ALIAS + "explore::target t{.nmi = [](int, siginfo_t*, void*) {}};", SIGNAL)),
    ("the audit refuses it too", refused(ALIAS + "void h(int, siginfo_t*, void*); auto r = explore::audit(\"h\", h);", SIGNAL)),
    ("a handler with captures is refused", refused(
        ALIAS + "void f(int n) { explore::target t{.nmi = [&n] { ++n; }}; }", CAPTURES)),
    ("a window with captures is refused", refused(
        ALIAS + "void f(int n) { explore::race r{.reader = [n] { return; }}; }", CAPTURES)),
    ("an oracle with captures is refused", refused(
        ALIAS + "void f(int n) { explore::target t{.broken = [n] { return n ? \"lost\" : nullptr; }}; }", CAPTURES)),
    ("functions, noexcept ones, lambdas without captures and nullptr are taken", accepted(
        ALIAS + "void f(); void g() noexcept; void o(int); void o(); explore::target t{.setup = nullptr, .prepare = g, .window = f, "
        ".nmi = [] {}, .broken = [] { return static_cast<const char*>(nullptr); }}; explore::target u{.window = o, .nmi = &g}; "
        "explore::function p = t.nmi; explore::oracle q = t.broken;")),
    ("an alias is enough for a program that has the same names", accepted(NAMES)),
    ("no example and no header needs using namespace", no_using),
])
