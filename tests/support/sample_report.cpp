// SPDX-License-Identifier: MIT
#include "support/sample_report.hpp"

namespace nmisim::test {

namespace {

latency latency_of(std::initializer_list<std::uint64_t> samples)
{
    histogram h;
    for (const std::uint64_t ns : samples)
        h.record(ns);
    latency l;
    l.merge(h);
    return l;
}

} // namespace

run_report passing_report()
{
    run_report r;
    r.config.machine.cpus = 2;
    r.config.seed = 7351;
    r.elapsed_ns = 1'000'000'000;
    r.requested = 20'000;
    r.throttled = 3;
    for (int i = 0; i < 2; ++i) {
        cpu_report c;
        c.cpu = i;
        c.raised = 10'000;
        c.handled = 9'990;
        c.coalesced = 10;
        c.normal = 9'990;
        c.max_in_flight = 2;
        r.cpus.push_back(c);
    }
    r.total.cpu = -1;
    r.total.raised = 20'000;
    r.total.handled = 19'980;
    r.total.coalesced = 20;
    r.total.max_in_flight = 2;
    r.irq_delivery = latency_of({1'500, 4'000});
    r.irq_handler = latency_of({350, 450});
    r.swaps = r.retired = r.reclaimed = 100;
    r.waiting_max = 1;
    r.handler_age = {19'900, 80, 0};
    r.delivery = latency_of({1'000, 3'000, 5'000, 5'500, 40'000});
    r.handler = latency_of({300, 400});
    r.grace_period = latency_of({80'000, 120'000});
    r.swap = latency_of({90'000, 130'000});
    profile_report& p = r.profile.emplace();
    p.taken = 1'000;
    p.lost = 3;
    p.drained = 101;
    p.rows = {{"nmisim::work_60(unsigned long)", "nmi-sim", 0x1000, 610}, {"", "libc.so.6", 0x9000, 390}};
    p.split = {{"nmisim::work_60", 0.6, 0.601, 0.61}};
    for (std::size_t i = 0; i < check_count; ++i) {
        check_report c;
        c.id = static_cast<check>(i);
        c.status = check_status::pass;
        c.looked_at = 19'980;
        c.looked_at_what = "NMIs";
        r.checks.push_back(c);
    }
    return r;
}

run_report failing_report()
{
    run_report r = passing_report();
    r.handler_age[2] = 17;
    check_report& c = r.checks[static_cast<std::size_t>(check::grace_period)];
    c.status = check_status::fail;
    c.failures = 17;
    c.first = "the handler was used after its grace period: age 2, expected at most 1";
    c.first_at_s = 0.204117;
    c.first_cpu = 1;
    c.first_generation = 12;
    return r;
}

} // namespace nmisim::test
