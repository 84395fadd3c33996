// SPDX-License-Identifier: MIT
#include "support/full_report.hpp"

#include <csignal>
#include <type_traits>

namespace nmisim::test {
namespace {

/// 1009, 1018, ...: no two alike, and none a multiple of another.
class numbers {
public:
    /// Stands for any field.
    template <class T>
    requires std::is_arithmetic_v<T>
    operator T() noexcept // NOLINT(google-explicit-constructor)
    {
        return static_cast<T>(next_ += 9);
    }

private:
    std::uint64_t next_ = 1'000;
};

/// A thousand samples, of which each percentile that is reported is another one; three powers of two apart, with room for
/// those of twelve latencies between them.
latency latency_at(std::uint64_t ns)
{
    histogram h;
    const auto record = [&](int times, std::uint64_t factor) {
        for (int i = 0; i < times; ++i)
            h.record(ns * factor);
    };
    record(300, 1);
    record(400, 8);
    record(250, 64);
    record(45, 512);
    record(4, 4096);
    record(1, 32768);
    latency l;
    l.merge(h);
    return l;
}

irq_report an_irq(int irq, numbers& n)
{
    return {irq, n, n, n, n, n, n};
}

cpu_report a_cpu(int cpu, numbers& n)
{
    cpu_report c;
    c.cpu = cpu;
    for (std::uint64_t cpu_report::*field :
         {&cpu_report::raised, &cpu_report::handled, &cpu_report::coalesced, &cpu_report::rejected,
          &cpu_report::offline, &cpu_report::unknown, &cpu_report::external, &cpu_report::normal,
          &cpu_report::swallow, &cpu_report::nested, &cpu_report::restarts, &cpu_report::max_depth,
          &cpu_report::max_in_flight, &cpu_report::work, &cpu_report::times_onlined})
        c.*field = n;
    c.pinned_to = n;
    return c;
}

run_config full_config(numbers& n)
{
    run_config c;
    c.machine.cpus = n;
    c.machine.rcu = flavor::bp;
    c.machine.delivery = delivery::queue;
    c.machine.max_in_flight = n;
    c.machine.workload = workload::alloc;
    c.machine.percpu = percpu_form::array;
    c.machine.nesting = nesting::nested;
    c.machine.signal_offset = n;
    c.machine.irqs = n;
    c.machine.measure_latency = false;
    c.inject.rate_hz = n;
    c.inject.arrival = arrival::burst;
    c.inject.burst = n;
    c.inject.seed = n; // not told: it is the run's
    c.sources = {source_kind::timer, source_kind::ipi};
    c.chain = n;
    c.irq_rate_hz = n;
    c.swap = false;
    c.swap_interval_ns = n;
    c.onoff_interval_ns = n;
    c.reclaim = reclaim::call_rcu;
    c.controller_place = controller_place::vcpu;
    c.handler = handler_kind::watchdog;
    c.hold_ns = n;
    c.watchdog_thresh_ns = n;
    c.nmi_longest_ns = n;
    c.fault = fault::drop_latched;
    c.duration_ns = n;
    c.stall_timeout_ns = n;
    c.seed = n;
    return c;
}

void add_jobs(run_report& r, numbers& n)
{
    r.long_handlers = {n, n, n, n};
    profile_report& p = r.profile.emplace();
    p.taken = n, p.lost = n, p.drained = n;
    p.rows = {{"first_function", "first_object", n, n}, {"second_function", "second_object", n, n}};
    // The metric is the greatest of the differences, here that of the second: 25 points.
    p.split = {{"work_a", 0.5, 0.51, 0.4375}, {"work_b", 0.375, 0.37, 0.125}};
    watchdog_report& w = r.watchdog.emplace();
    w.ticks = n, w.looks = n;
    w.lockups = {{n, n, {"spin", "main"}}, {n, n, {"other_spin"}}};
    backtrace_report& b = r.backtrace.emplace();
    b.asked = n, b.answered = n, b.unanswered = n, b.longest_ns = n;
    b.last = {{n, {"inner", "outer"}}, {n, {"alone"}}};
}

void add_checks(run_report& r, numbers& n)
{
    for (std::size_t i = 0; i < check_count; ++i) {
        const std::string id(name_of(static_cast<check>(i)));
        check_report c;
        c.id = static_cast<check>(i);
        c.status = i % 3 == 0   ? check_status::fail
                   : i % 3 == 1 ? check_status::pass
                                : check_status::nothing_seen;
        c.looked_at = n;
        c.failures = i % 3 == 0 ? n : 0;
        c.looked_at_what = "unit of " + id;
        c.evidence = "evidence of " + id;
        c.first = "first failure of " + id;
        c.first_at_s = n;
        c.first_cpu = n;
        c.first_generation = n;
        r.checks.push_back(std::move(c));
    }
}

} // namespace

run_report full_report()
{
    numbers n;
    run_report r;
    r.config = full_config(n);
    r.elapsed_ns = 2'000'000'000; // rates are half of their counts
    r.stop_reason = stop_reason::signal;
    r.stop_signal = SIGTERM;
    r.complete = false;
    r.sources = {{source_kind::timer, true, n, n, n, n}, {source_kind::ipi, false, n, n, n, n}};
    r.cpus = {a_cpu(0, n), a_cpu(1, n)};
    for (cpu_report& c : r.cpus)
        c.irqs = {an_irq(0, n), an_irq(1, n)};
    r.irqs = {an_irq(0, n), an_irq(1, n)};
    r.total = a_cpu(-1, n);
    for (std::uint64_t run_report::*field :
         {&run_report::requested, &run_report::throttled, &run_report::swaps, &run_report::chain_swaps,
          &run_report::late_swaps, &run_report::retired, &run_report::reclaimed, &run_report::waiting_max,
          &run_report::offlined, &run_report::onlined, &run_report::onoff_failed, &run_report::irq_swaps})
        r.*field = n;
    for (std::uint64_t& age : r.handler_age)
        age = n;
    int bucket = 80;
    for (const named_latency& l : all_latencies)
        r.*l.member = latency_at(histogram_floor(bucket += 2));
    add_jobs(r, n);
    add_checks(r, n);
    r.stalls = {{n, "in NMI", {"inside", "outside"}}, {n, "in IRQ", {"elsewhere"}}};
    r.remarks = {{"first-code", "first text"}, {"second-code", "second text"}};
    return r;
}

report_context full_context()
{
    report_context c;
    c.argv = {"nmi-sim", "--an-option"};
    c.repeat = "nmi-sim --to-repeat";
    c.started = "2026-01-02T03:04:05Z";
    c.host = {"kernel release", "machine name", 11, 7, false, 64'001, 64'002, 0.75};
    c.thresholds = {{"first>1", metric_unit::nanoseconds, false, 64'003},
                    {"second>2", metric_unit::per_second, false, 64'004},
                    {"third>3", metric_unit::count, false, std::nullopt}};
    c.exit_code = 64'005;
    return c;
}

} // namespace nmisim::test
