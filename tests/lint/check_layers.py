#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers, rooms and include rule of src/README.md, read from that file: its table is the order of the layers.

A file includes its own layer and layers above it in the table. Each room (`layer/room`) is listed below its layer, and
has as many units at most as that page says; a unit is a .cpp with its .hpp. A row that says "only folder that includes
`<x/...>`" keeps everybody else from including that; "`a` does not include `b`" anywhere in the text is a rule too.
include/nmisim includes nothing from src.
"""
import re

import lint

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


# Folders of siblings, of which Meson picks one: no rooms.
SIBLINGS = re.compile(r"/(x86_64|aarch64|probes_\w+|annotations_\w+)$")


def read_rules(readme):
    text = readme.read_text()
    order, rooms, owners = [], [], {}
    for path, what in re.findall(r"^\|\s*`((?:\.\./include/)?[\w/]+)`\s*\|(.*)\|\s*$", text, re.M):
        name = path.removeprefix("../include/")
        if "/" in name:
            rooms.append(name)
            continue
        order.append(name)
        for prefix in re.findall(r"only\s+folder\s+that\s+includes\s+`<([\w/]+)/?\.\.\.>`", what):
            owners[prefix.rstrip("/") + "/"] = name
    apart = set(re.findall(r"`(\w+)`\s+does\s+not\s+include\s+`(\w+)`", text))
    room = re.search(r"room\s+has\s+at\s+most\s+(\d+)\s+units", text)
    return order, rooms, int(room.group(1)) if room else 0, owners, apart


def check_rooms(src, order, rooms, most, findings):
    """Every folder with sources is listed, every listed one exists, none is crowded."""
    units = {}
    for path in lint.files(src, ["."]):
        folder = path.relative_to(src).parent.as_posix()
        units.setdefault(folder, set()).add(path.stem)
    for folder, stems in sorted(units.items()):
        if folder == "." or folder.split("/")[0] not in order:
            continue
        if "/" in folder and folder not in rooms and not SIBLINGS.search(folder):
            findings.append(f"src/{folder}: a room that the table of src/README.md does not list")
        if len(stems) > most:
            findings.append(f"src/{folder}: {len(stems)} units in one room, {most} at most: which of them belong together?")
    for room in rooms:
        if room not in units:
            findings.append(f"src/README.md: {room}: no such room")


def check(arguments, findings):
    root = arguments.root
    order, rooms, most, owners, apart = read_rules(root / "src" / "README.md")
    if len(order) < 2:
        findings.append("src/README.md: no table of layers found")
    for folder in sorted(p.name for p in (root / "src").iterdir() if p.is_dir() and lint.files(p, ["."])):
        if folder not in order:
            findings.append(f"src/{folder}: a folder that the table of src/README.md does not list")
    check_rooms(root / "src", order, rooms, most, findings)
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
