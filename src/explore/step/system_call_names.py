#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The name of each system call of the processor that is compiled for: from <sys/syscall.h>, which has them as macros.

    system_call_names.py OUTPUT COMPILER...
"""
import re
import subprocess
import sys

output, *compiler = sys.argv[1:]
macros = subprocess.run([*compiler, "-x", "c++", "-E", "-dM", "-"], input="#include <sys/syscall.h>\n", text=True, check=True,
                        capture_output=True).stdout
names = sorted(set(re.findall(r"^#define SYS_(\w+) __NR_\1$", macros, re.M)))
if "read" not in names or "futex" not in names:
    sys.exit(f"<sys/syscall.h> of {compiler} has no system calls")
with open(output, "w", encoding="utf-8") as file:
    file.write("// From <sys/syscall.h>, by system_call_names.py.\n")
    file.writelines(f"case SYS_{name}: return \"{name}\";\n" for name in names)
