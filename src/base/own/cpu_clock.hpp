// SPDX-License-Identifier: MIT
//
// The kernel's CPU clock of one thread, which signals that thread each period of *its* time (perf_event_open(2), a software event,
// so that a virtual machine has it as well). Only time in the thread's own code counts: so any user may have it
// (kernel.perf_event_paranoid 2), and a signal comes where the thread runs code of its own, never in a system call.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace nmisim {

enum class clock_life {
    thread, ///< as long as the thread
    program ///< until it executes another one; needs Linux 5.13
};

/// A descriptor; the clock stands still until PERF_EVENT_IOC_ENABLE. `tid` 0: the caller. -1: errno says why, ESRCH that the thread
/// has ended. Context: control.
int open_cpu_clock(pid_t tid, std::uint64_t period_ns, clock_life life) noexcept;

/// Sends the clock's signal to that thread, with the descriptor's number in si_fd. False: errno says why. Context: control.
bool signal_from_clock(int fd, pid_t tid, int signal) noexcept;

} // namespace nmisim
