// SPDX-License-Identifier: MIT
#include "exec/profile/clock.hpp"

#include "base/own/cpu_clock.hpp"

#include <cerrno>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
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

} // namespace nmisim::exec
