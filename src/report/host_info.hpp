// SPDX-License-Identifier: MIT
//
// The machine on which a run's figures were measured; read once before the run starts.
#pragma once

#include <cstdint>
#include <string>

namespace nmisim {

struct host_info {
    std::string kernel;  ///< uname -r
    std::string machine; ///< uname -m
    int cpus_online = 1;
    int cpus_allowed = 1;                ///< by this process' affinity mask
    bool is_virtual = false;             ///< the CPU says that it runs under a hypervisor
    std::uint64_t rlimit_sigpending = 0; ///< the user's limit; UINT64_MAX: unlimited
    std::uint64_t signals_queued = 0; ///< of that limit in use by the whole user, SigQ of /proc/self/status
    double load_average = 0;          ///< of the last minute
};

/// Errors: none; what cannot be read keeps its default.
host_info read_host_info();

} // namespace nmisim
