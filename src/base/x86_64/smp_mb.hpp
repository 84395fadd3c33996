// SPDX-License-Identifier: MIT
//
// A full fence of ordinary memory. mfence, which compilers and liburcu before 0.14 use, does not order more of it, and
// takes two to three times as long as a locked instruction. Kernel: smp_mb() since 4.16.
#pragma once

namespace nmisim {

inline void smp_mb() noexcept
{
    asm volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc"); // adds nothing to whatever is there
}

} // namespace nmisim
