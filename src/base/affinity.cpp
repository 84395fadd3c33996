// SPDX-License-Identifier: MIT
#include "base/affinity.hpp"

#include <sched.h>

namespace nmisim {
namespace {

int allowed_cpu(const cpu_set_t& set, int n) noexcept
{
    int index = n % CPU_COUNT(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set) && index-- == 0)
            return cpu;
    return -1;
}

} // namespace

int pin_self(int n) noexcept
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return -1;
    const int cpu = allowed_cpu(set, n);
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? cpu : -1;
}

void pin_self_here() noexcept
{
    const int cpu = sched_getcpu();
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

void leave_cpus_of(int vcpus) noexcept
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || vcpus >= CPU_COUNT(&allowed))
        return;
    cpu_set_t left = allowed;
    for (int i = 1; i <= vcpus; ++i)
        CPU_CLR(allowed_cpu(allowed, i), &left);
    sched_setaffinity(0, sizeof left, &left); // refused: slower, not wrong
}

} // namespace nmisim
