// SPDX-License-Identifier: MIT
//
// One run of the command: plain, or traced. Each ends all that it started.
#pragma once

#include "exec/exec_config.hpp"
#include "exec/trace/supervisor.hpp"

namespace nmisim::exec {

struct plain_run {
    outcome what;
    int error = 0; ///< errno of the exec that failed, or 0
};
command command_of(const exec_config& c, const wake_ups& w);

/// From its construction on: wall time, and the CPU time of children that have been waited for.
class stop_watch {
public:
    stop_watch() noexcept;
    void put_into(outcome& o) const noexcept;

private:
    std::uint64_t start_ns_;
    std::uint64_t cpu_ns_;
};

/// Errors: std::system_error.
plain_run run_plain(const exec_config& c, std::uint64_t timeout_ns, wake_ups& w);

struct traced_run {
    outcome what;
    traced_end end;
};
/// Errors: std::system_error.
traced_run run_traced(const exec_config& c, const trace_options& how, strategy& s, wake_ups& w);

} // namespace nmisim::exec
