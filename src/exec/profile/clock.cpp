// SPDX-License-Identifier: MIT
#include "exec/profile/clock.hpp"

#include "base/clock.hpp"
#include "base/own/cpu_clock.hpp"

#include <cerrno>
#include <cstdio>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nmisim::exec {

int open_clock(pid_t tid, int signal, std::uint64_t period_ns) noexcept
{
    const int fd = open_cpu_clock(tid, period_ns, clock_life::program);
    if (fd < 0 || (signal_from_clock(fd, tid, signal) && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) == 0))
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

timer_plan plan_timer(int signal, std::uint64_t period_ns, int number) noexcept
{
    timer_plan p{};
    p.event.sigev_notify = SIGEV_SIGNAL;
    p.event.sigev_signo = signal;
    p.event.sigev_value.sival_int = number;
    p.every.it_interval = to_timespec(period_ns);
    p.every.it_value = p.every.it_interval;
    return p;
}

std::uint64_t tick_ns() noexcept
{
    timespec t{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &t);
    return to_ns(t);
}

bool timers_meet_running_threads() noexcept
{
    utsname u{};
    int major = 0;
    int minor = 0;
    return uname(&u) == 0 && std::sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 4));
}

} // namespace nmisim::exec
