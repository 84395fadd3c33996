// SPDX-License-Identifier: MIT
//
// What clocks the samples of one thread: base/own/cpu_clock.hpp, opened by the supervisor and running. The program has neither a
// timer nor a descriptor, a thread that sleeps is not woken, and no call is interrupted. An execve(2) ends the clock before the
// handler is gone.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace nmisim::exec {

/// A descriptor; the signals carry its number in si_fd. -1: errno says why, ESRCH that the thread has ended.
int open_clock(pid_t tid, int signal, std::uint64_t period_ns) noexcept;

} // namespace nmisim::exec
