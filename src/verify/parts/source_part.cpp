// SPDX-License-Identifier: MIT
#include "verify/parts/source_part.hpp"

#include "machine/machine_state.hpp"

#include <algorithm>

namespace nmisim {
namespace {

std::uint64_t sum(machine& m, counter cpu_sources::*of) noexcept
{
    std::uint64_t n = 0;
    for (const auto& cpu : internals(m).cpus)
        n += (cpu->area().sources.*of).read();
    return n;
}

} // namespace

source_part::source_part(const run_config& config) : kinds_(config.sources), plan_(config.inject)
{
    if (has(source_kind::ipi))
        ipi_ = std::make_unique<ipi_source>(config.machine.cpus, config.inject.rate_hz);
}

bool source_part::has(source_kind kind) const noexcept
{
    return std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end();
}

void source_part::configure(machine_config& config)
{
    if (ipi_ == nullptr)
        return;
    config.custom_workload = [this, round = config.custom_workload](vcpu& self) {
        if (round)
            round(self);
        else
            self.workload_round();
        ipi_->round(self.number());
    };
}

void source_part::ready(machine& m)
{
    machine_ = &m;
    if (has(source_kind::sigqueue))
        injector_ = std::make_unique<injector>(m, plan_);
    if (has(source_kind::timer))
        timer_ = make_timer_source(m, plan_.rate_hz);
    if (has(source_kind::perf))
        perf_ = make_perf_source(m, plan_.rate_hz);
}

void source_part::start(machine& m)
{
    for (nmi_source* const own : {timer_.get(), perf_.get()})
        if (own != nullptr)
            own->start();
    if (ipi_ != nullptr)
        ipi_->start(m);
    if (injector_ != nullptr)
        injector_->start();
}

void source_part::stop() noexcept
{
    if (injector_ != nullptr)
        injector_->stop();
    if (ipi_ != nullptr)
        ipi_->stop();
    for (nmi_source* const own : {timer_.get(), perf_.get()})
        if (own != nullptr)
            own->stop();
}

bool source_part::flush(std::uint64_t timeout_ns)
{
    return (timer_ == nullptr && perf_ == nullptr) || flush_sources(*machine_, timeout_ns);
}

void source_part::fill_report(machine& m, run_report& report, bool)
{
    // Timers and counters do not say when they were due, and the few NMIs that the run itself sends say nothing of them.
    if (!has(source_kind::sigqueue) && !has(source_kind::ipi))
        report.delivery = {};
    std::uint64_t by_sigqueue = report.total.raised;
    for (const source_kind kind : kinds_) {
        source_report row;
        row.kind = kind;
        switch (kind) {
        case source_kind::sigqueue:
            row.requested = injector_->requested();
            report.throttled = injector_->throttled();
            report.injector.merge(injector_->lateness());
            break;
        case source_kind::timer:
            row.requested = timer_->requested();
            row.not_armed = timer_->failed();
            row.raised = sum(m, &cpu_sources::timer_raised);
            row.overruns = sum(m, &cpu_sources::timer_overruns);
            break;
        case source_kind::perf:
            row.counted = false;
            row.not_armed = perf_->failed();
            row.raised = sum(m, &cpu_sources::perf_raised);
            break;
        case source_kind::ipi:
            row.requested = ipi_->requested();
            row.raised = ipi_->raised();
            break;
        }
        by_sigqueue -= row.raised;
        report.requested += row.requested;
        report.sources.push_back(row);
    }
    for (source_report& row : report.sources)
        if (row.kind == source_kind::sigqueue)
            row.raised = by_sigqueue;
}

void source_part::detach() noexcept
{
    injector_.reset();
    timer_.reset();
    perf_.reset();
}

} // namespace nmisim
