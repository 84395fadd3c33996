#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One file, one idea: names the files of src and include over 300 lines, fails over 400."""
import lint

WORTH_A_LOOK, LIMIT = 300, 400


def check(arguments, findings):
    sources = lint.files(arguments.root)
    for path in sources:
        lines = len(path.read_text().splitlines())
        where = path.relative_to(arguments.root)
        if lines > LIMIT:
            findings.append(f"{where}: {lines} lines, more than {LIMIT}: which second idea can move out?")
        elif lines > WORTH_A_LOOK:
            print(f"note: {where}: {lines} lines")
    return len(sources)


lint.main(check, __doc__)
