// SPDX-License-Identifier: MIT
//
// The names of all system calls that this processor had when the program was compiled: system_call_names.py reads
// them from <sys/syscall.h>.
#include "explore/step/system_call.hpp"

#include <sys/syscall.h>

namespace nmisim::explore {

const char* name_of_system_call(long nr) noexcept
{
    switch (nr) {
#include "system_call_names.inc"
    default: return "system call";
    }
}

} // namespace nmisim::explore
