// SPDX-License-Identifier: MIT
#include "verify/jobs/handler_job.hpp"

#include "verify/jobs/backtrace_job.hpp"
#include "verify/jobs/profile_job.hpp"
#include "verify/jobs/timed.hpp"
#include "verify/jobs/watchdog_job.hpp"

namespace nmisim {
namespace {

/// `count` and `slow`: the checks are the job.
class count_job : public handler_job {
public:
    explicit count_job(const run_config& config) : function_(timed_if_asked<checked_call>(config)) {}
    nmi_function function() const noexcept override { return function_; }

private:
    nmi_function function_;
};

} // namespace

std::unique_ptr<handler_job> make_handler_job(const run_config& config)
{
    switch (config.handler) {
    case handler_kind::count: break;
    case handler_kind::profile: return std::make_unique<profile_job>(config);
    case handler_kind::watchdog: return std::make_unique<watchdog_job>(config);
    case handler_kind::backtrace: return std::make_unique<backtrace_job>(config);
    }
    return std::make_unique<count_job>(config);
}

} // namespace nmisim
