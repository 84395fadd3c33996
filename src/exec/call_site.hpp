// SPDX-License-Identifier: MIT
//
// Where a stopped thread's program has made the call that it is in: the frames from the system call outwards. Without elfutils
// there is the instruction alone.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nmisim::exec {

struct frame {
    std::string name;     ///< "read+0x13", or "dd+0x5a2c" without a symbol
    std::string source;   ///< "copy.c:12", or empty
    bool library = false; ///< of the C library or the loader
};

/// Innermost first, few.
std::vector<frame> frames_of(pid_t tgid, pid_t tid, std::uintptr_t ip);

/// The C library's function and the program's frame that called it: "read+0x13 < copy+0x2c (copy.c:12)".
std::string site_text(const std::vector<frame>& frames);

} // namespace nmisim::exec
