// SPDX-License-Identifier: MIT
#include "verify/parts/irq_part.hpp"

#include "base/clock.hpp"
#include "nmi/raise.hpp"

#include <algorithm>

namespace nmisim {

std::size_t pool_size_of(const run_config& config) noexcept
{
    return config.reclaim == reclaim::sync ? 256 : 8192;
}

irq_part::checked_line::checked_line(machine& m, const run_config& config, int irq)
    : pool(pool_size_of(config), handler_function(info_of(config.fault).in_handler, job.function()), job,
           config.hold_ns),
      swapper(make_swapper(m, pool, config.reclaim, info_of(config.fault).swap, irq))
{}

void irq_part::publish(machine& m)
{
    for (int irq = 0; irq < config_.machine.irqs; ++irq) {
        lines_.push_back(std::make_unique<checked_line>(m, config_, irq));
        lines_.back()->swapper->first();
    }
}

void irq_part::start(machine& m)
{
    if (lines_.empty())
        return;
    source_.start("irq source", "the thread that raises IRQs", [this, &m] {
        keep_time(internals(m).config);
        const std::uint64_t start_ns = now_ns();
        const double period_ns = 1e9 / config_.irq_rate_hz;
        double due_ns = 0;
        while (source_.wait_until(start_ns + static_cast<std::uint64_t>(due_ns))) {
            for (auto& cpu : internals(m).cpus)
                for (irq_line& irq : cpu->area().irq->lines)
                    raise_on(irq.line);
            due_ns += period_ns;
        }
    });
}

void irq_part::step()
{
    for (auto& line : lines_)
        line->swapper->step();
    swaps_ += lines_.size();
}

void irq_part::last()
{
    for (auto& line : lines_)
        line->swapper->last();
}

std::vector<const element_pool*> irq_part::pools() const
{
    std::vector<const element_pool*> all;
    for (const auto& line : lines_)
        all.push_back(&line->pool);
    return all;
}

void irq_part::fill_report(machine&, run_report& report, bool)
{
    report.irq_swaps = swaps_;
    for (const auto& line : lines_)
        add_books(report, line->pool, line->swapper->times());
}

void add_books(run_report& report, const element_pool& pool, const swap_times& times)
{
    const pool_books books = pool.books();
    report.retired += books.retired;
    report.reclaimed += books.reclaimed;
    report.waiting_max = std::max(report.waiting_max, books.waiting_max);
    report.publish.merge(times.publish);
    report.grace_period.merge(times.grace_period);
    report.reclaim.merge(times.reclaim);
    report.swap.merge(times.swap);
}

} // namespace nmisim
