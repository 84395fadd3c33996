#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents count is counted here too: scenarios, checks, faults; and the suites that they list.

A sentence that is not found any more is a finding as well: its count would go stale elsewhere.
"""
import re

import lint

WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
         "eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(text):
    """Of "21" or "twenty-one"; None if it is neither."""
    tens, _, ones = text.rpartition("-")
    if text.isdigit():
        return int(text)
    if text in WORDS:
        return WORDS.index(text)
    if (tens or ones) in TENS:
        return 10 * TENS.index(tens or ones) + (WORDS.index(ones) if tens and ones in WORDS else 0)
    return None


def matches(root, path, pattern):
    return len(re.findall(pattern, (root / path).read_text()))


def scenarios(root):
    return len(list((root / "tools/scenarios").glob("*.conf")))


def faults(root):
    return matches(root, "src/faults/fault.cpp", r"fault_info\{\s*fault::")


def flaws(root):
    return matches(root, "src/explore/windows/flaw.hpp", r"flaw_info\{\s*flaw::")


def checks(root):
    return len(re.findall(r"^    \w+(?: = \d+)?,", re.search(r"enum class check[^{]*\{(.*?)\}", (root / "src/nmi/check.hpp").read_text(), re.S).group(1), re.M))


# document, sentence with the number in its group, what is to be counted
COUNTS = [
    ("docs/guide.md", r"nmi-stress: (\S+) scenarios", scenarios),
    ("docs/CHANGELOG.md", r"`nmi-stress`: (\S+) scenarios", scenarios),
    ("docs/CHANGELOG.md", r"(\S+) checks, \S+ faults\.", checks),
    ("docs/CHANGELOG.md", r"\S+ checks, (\S+) faults\.", faults),
    ("docs/explore.md", r"(\S+) faults that `explore` takes", flaws),
]


def suites(root):
    listed = re.search(r"foreach suite : \[(.*?)\]", (root / "tests/meson.build").read_text()).group(1)
    return set(re.findall(r"'(\w+)'", listed)) | {"bench"}


def check(arguments, findings):
    root = arguments.root
    for path, pattern, counted in COUNTS:
        found = re.search(pattern, (root / path).read_text())
        if not found:
            findings.append(f"{path}: no sentence {pattern}")
        elif number(found.group(1)) != counted(root):
            findings.append(f"{path}: {found.group(0)}: there are {counted(root)}")
    known = suites(root)
    row = re.search(r"^\| `tests` \|(.*)$", (root / "README.md").read_text(), re.M).group(1)
    table = re.search(r"^## Suites$(.*?)^## ", (root / "docs/CONTRIBUTING.md").read_text(), re.M | re.S).group(1)
    for path, named in (("README.md", set(re.findall(r"\w+", row))), ("docs/CONTRIBUTING.md", set(re.findall(r"^\| `(\w+)`", table, re.M)))):
        findings += [f"{path}: suite {name} is not listed" for name in sorted(known - named)]
    findings += [f"docs/CONTRIBUTING.md: there is no suite {name}" for name in sorted(named - known - {"tidy"})]
    return len(COUNTS) + 2


lint.main(check, __doc__)
