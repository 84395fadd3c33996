// SPDX-License-Identifier: MIT
//
// --profile: one run of the command in the detached form, with the sampler in each of its programs and a clock for each of its
// threads. One loop: calls that wait for an answer, births and ends, and a swap of the sample buffer every few milliseconds.
#pragma once

#include "exec/exec_config.hpp"
#include "exec/profile/profile_report.hpp"
#include "exec/trace/wake_ups.hpp"

#include <csignal>
#include <string>

namespace nmisim::exec {

/// Its number stands for the NMI: one that no program uses, and not a real-time one, of which many would queue up in a thread that
/// blocks them, until the kernel sends SIGIO instead, which kills.
inline constexpr int profile_signal = SIGSTKFLT;

struct profile_end {
    std::string absent; ///< why nothing can be sampled here, and what to do; or empty
    int exec_error = 0; ///< errno of an execve that failed; 0: the command was there
};

/// Errors: std::system_error.
profile_end run_profile_once(const exec_config& c, std::uint64_t timeout_ns, wake_ups& w, profile_found& to);

} // namespace nmisim::exec
