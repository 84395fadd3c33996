// SPDX-License-Identifier: MIT
//
// What clocks the samples of one thread: the kernel's CPU clock (perf_event_open(2), a software event, so that a virtual machine
// has it as well), opened by the supervisor. It signals the thread each period of *its* CPU time. The program has neither a timer
// nor a descriptor, and a thread that sleeps is not woken.
//
// Only time in the program's own code counts. Then a signal comes while the thread runs its own code, never in a system call: a
// profile interrupts no call, and unprivileged users may ask for it. An execve(2) ends the clock before the handler is gone.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace nmisim::exec {

/// A descriptor; the signals carry its number in si_fd. -1: errno says why, ESRCH that the thread has ended.
int open_clock(pid_t tid, int signal, std::uint64_t period_ns) noexcept;

} // namespace nmisim::exec
