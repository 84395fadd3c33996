// SPDX-License-Identifier: MIT
#include "base/clock.hpp"
#include "base/number_text.hpp"
#include "exec/comparison.hpp"
#include "exec/profile/profile_run.hpp"

#include <fmt/format.h>

#include <system_error>

namespace nmisim::exec {

namespace {

/// Without --timeout: a program is profiled for as long as it takes.
constexpr std::uint64_t no_timeout_ns = 365ull * 24 * 3600 * nsec_per_sec;

class profile_campaign {
public:
    explicit profile_campaign(comparison& c) : c_(c)
    {
        c_.report.signal = profile_signal;
        c_.report.profile.asked = true;
    }

    void run()
    {
        exec_report& r = c_.report;
        profile_found& found = r.profile;
        c_.tell("profile");
        const std::uint64_t timeout_ns = r.config.timeout_ns != 0 ? r.config.timeout_ns : no_timeout_ns;
        const profile_end end = run_profile_once(r.config, timeout_ns, c_.wakes(), found);
        if (!end.absent.empty())
            throw ended{exec_verdict::absent, end.absent};
        if (end.exec_error != 0)
            throw ended{exec_verdict::not_comparable,
                        fmt::format("cannot run '{}': {}", r.config.argv.front(),
                                    std::generic_category().message(end.exec_error))};
        c_.end_if_stopped();
        if (found.counts.taken == 0)
            throw ended{exec_verdict::none_delivered, why_none()};
        r.verdict = exec_verdict::sampled;
    }

private:
    std::string why_none() const
    {
        const profile_found& f = c_.report.profile;
        if (f.programs == f.unarmed)
            return "no sample: no program of the command could be given the sampler. It must be a 64-bit one "
                   "that nobody "
                   "else traces";
        return fmt::format(
            "no sample: the command used {} of CPU time, one sample is due each {} of a thread's own "
            "code. Give it more to do, or raise --rate; a thread that blocks SIGSTKFLT has none",
            time_text(f.what.cpu_ns), time_text(f.period_ns));
    }

    comparison& c_;
};

} // namespace

exec_report run_profile(const exec_config& c, const progress& tell)
{
    return run_campaign<profile_campaign>(c, tell, [](const exec_report&) {});
}

} // namespace nmisim::exec
