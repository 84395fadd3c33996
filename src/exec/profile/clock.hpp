// SPDX-License-Identifier: MIT
//
// What clocks the samples. Best is base/own/cpu_clock.hpp for each thread, opened by the supervisor and running: the program has
// neither a timer nor a descriptor, a thread that sleeps is not woken, and no call is interrupted. An execve(2) ends the clock before
// the handler is gone.
//
// Where perf_event_open(2) is refused, as in most containers, each program is given a POSIX timer of its own: on the CPU time of its
// process, and so with the kernel's ticks. It ends with the program, and is not inherited by a fork. Linux sends its signal to the
// thread that runs (since 6.4).
#pragma once

#include <cstdint>
#include <ctime>

#include <csignal>
#include <sys/types.h>

namespace nmisim::exec {

enum class clock_kind { perf_event, timer };

/// A descriptor; the signals carry its number in si_fd. -1: errno says why, ESRCH that the thread has ended.
int open_clock(pid_t tid, int signal, std::uint64_t period_ns) noexcept;

/// Arguments of the system calls that make a timer in a program's name, where the program can read them.
struct timer_plan {
    sigevent event;
    itimerspec every;
    int id; ///< the kernel's answer
};
/// Its signals carry `number` where those of the other kind carry a descriptor.
timer_plan plan_timer(int signal, std::uint64_t period_ns, int number) noexcept;

/// Time between two ticks, which is the shortest that such a timer knows.
std::uint64_t tick_ns() noexcept;
/// Whether its signal goes to the thread that runs.
bool timers_meet_running_threads() noexcept;

} // namespace nmisim::exec
