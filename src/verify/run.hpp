// SPDX-License-Identifier: MIT
//
// A checked run, from start to drain: builds the machine, lets the injector raise NMIs and the controller
// swap handlers, watches that both make progress, drains, frees everything, and judges.
#pragma once

#include "verify/run_config.hpp"
#include "verify/run_report.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nmisim {

struct run_hooks {
    /// Waits up to `ns` nanoseconds in the calling thread; returns the number of a signal that asks the run
    /// to stop, or 0 to go on. Unset: sleeps.
    std::function<int(std::uint64_t ns)> pause;
    /// Called from the calling thread about every 100 ms while NMIs are raised.
    std::function<void(const run_progress&)> tick;
};

/// Runs `config` and judges it.
///
/// Context: control; one run at a time in a process (signal dispositions are process-wide).
/// Errors: std::system_error when the system lacks something (thread, signal queue space, membarrier);
/// std::invalid_argument if the configuration contradicts itself. A failed check is not an error: it is in the report.
/// When a vCPU is stuck for good (check `progress`) its thread cannot be ended: the machine is then left behind on
/// purpose, and the caller should report and exit.
run_report run(const run_config& config, const run_hooks& hooks = {});

/// What the system offers, looked at before a run; each entry says what is missing and what to do.
/// Errors: never throws for a missing thing. `fatal` entries make run() throw.
struct preflight_finding {
    bool fatal = false;
    std::string code; ///< "rlimit-sigpending", "membarrier", "cpus"
    std::string text;
    bool early = false; ///< to be told before the run as well: it may take long, or show little
};
std::vector<preflight_finding> preflight(const run_config& config);

} // namespace nmisim
