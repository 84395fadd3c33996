// SPDX-License-Identifier: MIT
#include "verify/parts/irq_side.hpp"

namespace nmisim {

std::size_t pool_size_of(const run_config& config) noexcept
{
    return config.reclaim == reclaim::sync ? 256 : 8192;
}

irq_side::checked_line::checked_line(machine& m, const run_config& config, int irq)
    : pool(pool_size_of(config), irq_handler_function(info_of(config.fault).in_handler), job, config.hold_ns),
      swapper(make_swapper(m, pool, config.reclaim, info_of(config.fault).swap, irq))
{}

irq_side::irq_side(machine& m, const run_config& config) : source_(m, config.irq_rate_hz)
{
    for (int irq = 0; irq < config.machine.irqs; ++irq)
        lines_.push_back(std::make_unique<checked_line>(m, config, irq));
}

void irq_side::first()
{
    for (auto& line : lines_)
        line->swapper->first();
}

void irq_side::start_raising()
{
    if (!lines_.empty())
        source_.start();
}

void irq_side::stop_raising() noexcept
{
    source_.stop();
}

void irq_side::step()
{
    for (auto& line : lines_)
        line->swapper->step();
    swaps_ += lines_.size();
}

void irq_side::last()
{
    for (auto& line : lines_)
        line->swapper->last();
}

std::vector<const element_pool*> irq_side::pools() const
{
    std::vector<const element_pool*> all;
    for (const auto& line : lines_)
        all.push_back(&line->pool);
    return all;
}

void irq_side::add_times(run_report& report) const
{
    for (const auto& line : lines_) {
        report.publish.merge(line->swapper->times().publish);
        report.grace_period.merge(line->swapper->times().grace_period);
        report.reclaim.merge(line->swapper->times().reclaim);
        report.swap.merge(line->swapper->times().swap);
    }
}

} // namespace nmisim
