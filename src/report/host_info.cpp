// SPDX-License-Identifier: MIT
#include "report/host_info.hpp"

#include "machine/limits.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/utsname.h>
#include <unistd.h>

namespace nmisim {

namespace {

bool cpu_says_hypervisor()
{
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("flags"))
            return line.find(" hypervisor") != std::string::npos;
    return false;
}

} // namespace

host_info read_host_info()
{
    host_info host;
    utsname names{};
    if (uname(&names) == 0) {
        host.kernel = names.release;
        host.machine = names.machine;
    }
    host.cpus_online = static_cast<int>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
    host.cpus_allowed = allowed_cpus();
    host.is_virtual = cpu_says_hypervisor();
    const signal_queue queue = read_signal_queue();
    host.rlimit_sigpending = queue.limit;
    host.signals_queued = queue.used;
    double loads[1] = {0};
    if (getloadavg(loads, 1) == 1)
        host.load_average = loads[0];
    return host;
}

} // namespace nmisim
