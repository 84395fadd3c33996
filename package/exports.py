#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a shared library exports, for the linker: `exports.py HEADER...` prints a version script with every class, function
and variable that the installed headers mark with NMISIM_API. Everything else is local: calls inside the library are
direct, and no other library's symbol can replace their targets.
"""
import pathlib
import re
import sys



def mangled(*names):
    """As the C++ ABI has it: each part with its length, so that no longer name begins alike."""
    return "".join(f"{len(part)}{part}" for name in names for part in name.split("::"))


patterns = set()
for header in map(pathlib.Path, sys.argv[1:]):
    text = re.sub(r"//(?! namespace)[^\n]*", "", header.read_text())
    namespaces = []
    for match in re.finditer(r"^namespace ([\w:]+) \{|^\}( )// namespace|\b(?:class|struct) NMISIM_API (\w+)"
                             r"|^(?!#).*?\bNMISIM_API\s[^;{]*?(\w+)\s*[(;]", text, re.M):
        if match[1]:
            namespaces.append(match[1])
        elif match[2]:
            namespaces.pop()
        elif match[3]:
            name = mangled(*namespaces, match[3])
            patterns |= {f"_ZN{name}*", f"_ZNK{name}*", f"_ZT[ISV]N{name}E"}
        elif header.suffix == ".h":
            patterns.add(match[4])
        else:  # B: an ABI tag follows, as [abi:cxx11]
            patterns.add(f"_ZN{mangled(*namespaces, match[4])}[BE]*")
if not patterns:
    sys.exit("exports.py: no header marks anything with NMISIM_API")
print("{\n  global:")
print("".join(f"    {pattern};\n" for pattern in sorted(patterns)), end="")
print("  local: *;\n};")
