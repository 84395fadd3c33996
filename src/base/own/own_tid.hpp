// SPDX-License-Identifier: MIT
//
// Linux names a thread's CPU clock by the thread's number, so each tells the other without a system call. The C library
// keeps the number and hands it out in the clock's; it hands it out by itself from glibc 2.42 on (pthread_gettid_np).
// Kernel: include/linux/posix-timers_types.h, make_thread_cpuclock(tid, CPUCLOCK_SCHED).
#pragma once

#include <ctime>
#include <pthread.h>
#include <sys/types.h>

namespace nmisim {

/// As pthread_getcpuclockid() makes it. Context: any.
inline clockid_t cpu_clock_of(pid_t tid) noexcept
{
    return static_cast<clockid_t>(~static_cast<unsigned>(tid) << 3 | 6);
}

/// What gettid() returns. In a child of a bare clone(2), of which the C library knows nothing, its parent's. Context: control.
inline pid_t own_tid() noexcept
{
    clockid_t clock{};
    pthread_getcpuclockid(pthread_self(), &clock); // fails for threads that have ended
    return ~(clock >> 3);
}

} // namespace nmisim
