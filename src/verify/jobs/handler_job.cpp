// SPDX-License-Identifier: MIT
#include "verify/jobs/handler_job.hpp"

#include "verify/jobs/backtrace_job.hpp"
#include "verify/jobs/profile_job.hpp"
#include "verify/jobs/watchdog_job.hpp"

namespace nmisim {

std::unique_ptr<handler_job> make_handler_job(const run_config& config)
{
    switch (config.handler) {
    case handler_kind::count: break;
    case handler_kind::profile: return std::make_unique<profile_job>(config);
    case handler_kind::watchdog: return std::make_unique<watchdog_job>(config);
    case handler_kind::backtrace: return std::make_unique<backtrace_job>(config);
    }
    // `count` and `slow`: the checks are the job.
    return std::make_unique<handler_job>(timed_if_asked<checked_call>(config));
}

} // namespace nmisim
