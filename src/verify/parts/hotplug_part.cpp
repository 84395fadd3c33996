// SPDX-License-Identifier: MIT
#include "verify/parts/hotplug_part.hpp"

#include <fmt/format.h>

namespace nmisim {

void hotplug_part::start(machine& m)
{
    if (!config_.onoff)
        return;
    hotplug_.emplace(m, config_.onoff_interval_ns, config_.seed);
    hotplug_->start();
}

bool hotplug_part::end_within(std::uint64_t patience_ns) noexcept
{
    return !hotplug_ || hotplug_->stop(patience_ns);
}

void hotplug_part::fill_report(machine&, run_report& report, bool)
{
    if (!hotplug_)
        return;
    report.offlined = hotplug_->offlined();
    report.onlined = hotplug_->onlined();
    report.onoff_failed = hotplug_->failed();
    report.cpu_down.merge(hotplug_->down());
    report.cpu_up.merge(hotplug_->up());
    if (report.onoff_failed > 0)
        report.remarks.push_back(
            {"hotplug-failed", fmt::format("a vCPU could not be brought online, {} times: {}",
                                           report.onoff_failed, hotplug_->first_failure())});
}

} // namespace nmisim
