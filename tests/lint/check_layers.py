#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include rule of src/README.md, read from that file: its table is the order of the layers.

A file includes its own folder and folders above it in the table. A row that says "only folder that includes
`<x/...>`" keeps everybody else from including that; "`a` does not include `b`" anywhere in the text is a rule too.
include/nmisim includes nothing from src.
"""
import re

import lint

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def read_rules(readme):
    text = readme.read_text()
    order, owners = [], {}
    for name, what in re.findall(r"^\|\s*`(?:[\w./]*/)?(\w+)`\s*\|(.*)\|\s*$", text, re.M):
        order.append(name)
        for prefix in re.findall(r"only\s+folder\s+that\s+includes\s+`<([\w/]+)/?\.\.\.>`", what):
            owners[prefix.rstrip("/") + "/"] = name
    apart = set(re.findall(r"`(\w+)`\s+does\s+not\s+include\s+`(\w+)`", text))
    return order, owners, apart


def check(arguments, findings):
    root = arguments.root
    order, owners, apart = read_rules(root / "src" / "README.md")
    if len(order) < 2:
        findings.append("src/README.md: no table of layers found")
    for folder in sorted(p.name for p in (root / "src").iterdir() if p.is_dir() and lint.files(p, ["."])):
        if folder not in order:
            findings.append(f"src/{folder}: a folder that the table of src/README.md does not list")
    sources = lint.files(root)
    for path in sources:
        where = path.relative_to(root)
        own = where.parts[1]
        if own not in order:
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            bracket, name = match.groups()
            problem = None
            owner = next((o for prefix, o in owners.items() if name.startswith(prefix)), None)
            if owner is not None and owner != own:
                problem = f"only {owner} may include <{name}>"
            layer = name.split("/")[0]
            if "/" in name and layer in order and (bracket == '"' or layer == "nmisim"):
                if own == "nmisim" and layer != "nmisim":
                    problem = "include/nmisim includes nothing from src"
                elif order.index(layer) > order.index(own):
                    problem = f"{own} is below {layer}"
                elif (own, layer) in apart:
                    problem = f"{own} does not include {layer}"
            if name.startswith(".."):
                problem = "say the path from src/ or include/, not a relative one"
            if problem:
                findings.append(f"{where}:{lint.line_of(text, match.start())}: {problem}: {match.group().strip()}")
    return len(sources)


lint.main(check, __doc__)
