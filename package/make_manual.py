#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes nmi-sim(1): the template filled with what nmi-sim writes about itself, through scdoc, and tidied.

scdoc leaves empty paragraphs and lines of any length; `mandoc -T lint` is to have nothing to say.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import textwrap


def sections(program):
    quiet = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run([program, "manual"], capture_output=True, text=True, check=True, env=quiet).stdout


def filled(template, values):
    page = template.read_text()
    for mark, text in values.items():
        if mark not in page:
            sys.exit(f"{template} has no {mark}")
        page = page.replace(mark, text)
    return page


def tidy(roff):
    tidied, literal = [], False
    for line in roff.splitlines():
        if line in (".nf", ".fi"):
            literal = line == ".nf"
        if line == ".P" and tidied and re.match(r"\.(P|SH|SS)\b", tidied[-1]):
            continue
        space_after = False
        if tidied and tidied[-1] == ".P" and re.match(r"\.(RE|SH|SS)\b", line):
            tidied.pop()  # a paragraph of nothing
            space_after = line == ".RE"
        if literal or len(line) <= 78 or line[0] in ".'":
            tidied.append(line)
        else:
            # A control character may not come to stand at the start of a line.
            words = [re.sub(r"^([.'])", r"\\&\1", word) for word in line.split(" ")]
            tidied += textwrap.wrap(" ".join(words), 78, break_long_words=False, break_on_hyphens=False)
        if space_after:
            tidied.append(".P")
    while tidied and tidied[-1] == ".P":
        tidied.pop()
    return "\n".join(tidied) + "\n"


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", required=True)
parser.add_argument("--scdoc", required=True)
parser.add_argument("--template", type=pathlib.Path, required=True)
parser.add_argument("--datadir", required=True)
parser.add_argument("--version", required=True)
options = parser.parse_args()
source = filled(options.template, {"@SECTIONS@": sections(options.program), "@DATADIR@": options.datadir, "@VERSION@": options.version})
roff = subprocess.run([options.scdoc], input=source, capture_output=True, text=True)
if roff.returncode != 0:
    sys.exit(f"scdoc: {roff.stderr}")
sys.stdout.write(tidy(roff.stdout))
