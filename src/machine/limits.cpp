// SPDX-License-Identifier: MIT
#include "machine/limits.hpp"

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <sched.h>
#include <sys/resource.h>
#include <system_error>

namespace nmisim {

signal_queue read_signal_queue() noexcept
{
    signal_queue queue;
    rlimit limit{};
    if (getrlimit(RLIMIT_SIGPENDING, &limit) == 0)
        queue.limit = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    if (std::FILE* status = std::fopen("/proc/self/status", "re")) {
        char line[256];
        while (std::fgets(line, sizeof line, status) != nullptr)
            if (std::sscanf(line, "SigQ: %" SCNu64 "/", &queue.used) == 1)
                break;
        std::fclose(status);
    }
    return queue;
}

std::uint64_t free_file_descriptors()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    std::error_code error;
    std::uint64_t open = 0;
    for (std::filesystem::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end;
         fd.increment(error))
        ++open;
    if (error)
        return UINT64_MAX;
    return limit.rlim_cur > open ? limit.rlim_cur - open : 0;
}

int allowed_cpus() noexcept
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

} // namespace nmisim
