// SPDX-License-Identifier: MIT
#include "base/own/cpu_clock.hpp"
#include "machine/sources/per_thread_source.hpp"

#include <cerrno>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace nmisim {
namespace {

/// A performance counter whose overflow signal goes to the thread that it counts.
class thread_counter {
public:
    thread_counter(percpu& cpu, double rate_hz)
        : fd_(open_cpu_clock(cpu.tid, static_cast<std::uint64_t>(1e9 / rate_hz), clock_life::thread))
    {
        if (fd_ < 0)
            throw std::system_error(
                errno, std::generic_category(),
                "perf_event_open for source perf (see sysctl kernel.perf_event_paranoid)");
        if (!signal_from_clock(fd_, cpu.tid, cpu.line.signo)) {
            const int error = errno;
            close(fd_);
            throw std::system_error(error, std::generic_category(), "fcntl(F_SETSIG) for source perf");
        }
        cpu.sources.perf_fd.store(fd_, std::memory_order_relaxed); // the ioctl orders it before the signal
        ioctl(fd_, PERF_EVENT_IOC_ENABLE, 0);
    }
    ~thread_counter()
    {
        ioctl(fd_, PERF_EVENT_IOC_DISABLE, 0);
        close(fd_);
    }
    thread_counter(const thread_counter&) = delete;
    thread_counter& operator=(const thread_counter&) = delete;

    /// How many overflows were due is not known: it counts the thread's CPU time, not the clock's.
    static std::uint64_t stop() noexcept { return 0; }

private:
    int fd_;
};

} // namespace

std::unique_ptr<nmi_source> make_perf_source(machine& m, double rate_hz)
{
    return std::make_unique<per_thread_source<thread_counter>>(m, rate_hz);
}

std::string_view perf_refusal() noexcept
{
    const int fd = open_cpu_clock(0, 1'000'000, clock_life::thread);
    if (fd >= 0) {
        close(fd);
        return {};
    }
    switch (errno) {
    case EACCES:
    case EPERM:
        return "perf_event_open is not permitted (sysctl kernel.perf_event_paranoid, or a container's rule)";
    case ENOSYS: return "this kernel has no perf_event_open";
    default: return "this kernel has no perf event cpu-clock";
    }
}

} // namespace nmisim
