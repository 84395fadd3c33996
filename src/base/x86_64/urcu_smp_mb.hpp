// SPDX-License-Identifier: MIT
//
// liburcu before 0.14 fences with mfence, which takes two to three times as long as a locked instruction and orders no more of
// ordinary memory. Its read sides are inlined here, so they can have the shorter one. Kernel: smp_mb() since 4.16.
// Comes before the liburcu header whose readers are meant, and concerns no other translation unit.
#pragma once

#include <urcu/arch.h>

#undef cmm_smp_mb
#define cmm_smp_mb() __asm__ __volatile__("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
