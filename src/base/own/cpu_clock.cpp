// SPDX-License-Identifier: MIT
#include "base/own/cpu_clock.hpp"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim {

int open_cpu_clock(pid_t tid, std::uint64_t period_ns, clock_life life) noexcept
{
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = period_ns;
    attr.wakeup_events = 1;
    attr.disabled = 1;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    attr.remove_on_exec = life == clock_life::program ? 1 : 0;
    return static_cast<int>(syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

bool signal_from_clock(int fd, pid_t tid, int signal) noexcept
{
    const f_owner_ex owner{F_OWNER_TID, tid};
    return fcntl(fd, F_SETOWN_EX, &owner) == 0 && fcntl(fd, F_SETSIG, signal) == 0 &&
           fcntl(fd, F_SETFL, O_ASYNC) == 0;
}

} // namespace nmisim
