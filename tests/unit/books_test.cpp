// SPDX-License-Identifier: MIT
//
// The books: the report's figures of each vCPU and line come from the one place in the machine where they are written;
// and the identity that they must keep.
#include "support/catch2.hpp"
#include "support/judged_machine.hpp"
#include "support/text_matcher.hpp"

#include <algorithm>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

/// All figures of one vCPU in one line, so that a difference shows which one it is.
std::string told(const cpu_report& c)
{
    std::string text =
        fmt::format("raised {} handled {} coalesced {} rejected {} offline {} unknown {} external {} normal "
                    "{} swallow {} nested {} "
                    "restarts {} max_depth {} max_in_flight {} work {} times_onlined {}",
                    c.raised, c.handled, c.coalesced, c.rejected, c.offline, c.unknown, c.external, c.normal,
                    c.swallow, c.nested, c.restarts, c.max_depth, c.max_in_flight, c.work, c.times_onlined);
    return text;
}

std::string told(const irq_report& i)
{
    return fmt::format("raised {} handled {} coalesced {} rejected {} offline {} unhandled {}", i.raised,
                       i.handled, i.coalesced, i.rejected, i.offline, i.unhandled);
}

struct entry_of_books {
    const char* name;
    void (*write)(percpu&, std::uint64_t);
    void (*tell)(cpu_report&, std::uint64_t); ///< what the report then has more than before
};
const entry_of_books all_entries[]{
    {"raised", [](percpu& a, std::uint64_t n) { a.line.count_raises(n); },
     [](cpu_report& c, std::uint64_t n) { c.raised += n; }},
    {"nmi_count", [](percpu& a, std::uint64_t n) { a.count->add(n * one_nmi); },
     [](cpu_report& c, std::uint64_t n) { c.handled += n, c.normal += n; }}, // no chain: each claimed
    {"coalesced", [](percpu& a, std::uint64_t n) { a.line.coalesced = n; },
     [](cpu_report& c, std::uint64_t n) { c.coalesced += n; }},
    {"merged", [](percpu& a, std::uint64_t n) { a.nesting.merged.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.coalesced += n; }},
    {"nested", [](percpu& a, std::uint64_t n) { a.nesting.nested.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.nested += n; }},
    {"restarts", [](percpu& a, std::uint64_t n) { a.nesting.restarts.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.restarts += n; }},
    {"max_depth", [](percpu& a, std::uint64_t n) { a.nesting.max_depth = static_cast<std::uint32_t>(n); },
     [](cpu_report& c, std::uint64_t n) { c.max_depth = std::max(c.max_depth, n); }},
    {"rejected", [](percpu& a, std::uint64_t n) { a.line.rejected = n; },
     [](cpu_report& c, std::uint64_t n) { c.rejected += n; }},
    {"offline_at_raise", [](percpu& a, std::uint64_t n) { a.line.offline_at_raise = n; },
     [](cpu_report& c, std::uint64_t n) { c.offline += n; }},
    {"offline_seen", [](percpu& a, std::uint64_t n) { a.offline_seen.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.offline += n; }},
    {"unknown", [](percpu& a, std::uint64_t n) { a.unknown.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.unknown += n; }},
    {"external", [](percpu& a, std::uint64_t n) { a.external.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.external += n; }},
    {"stats.normal", [](percpu& a, std::uint64_t n) { a.stats.normal.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.normal += n; }},
    {"chained", [](percpu& a, std::uint64_t n) { a.count->add(n * one_nmi), a.stats.chained.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.handled += n; }}, // not normal unless the chain says so
    {"defaults", [](percpu& a, std::uint64_t n) { a.count->add(2 * n * one_nmi), a.stats.defaults.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.handled += 2 * n, c.normal += n; }},
    {"chain_defaults",
     [](percpu& a, std::uint64_t n) {
         a.count->add(n * one_nmi), a.stats.chained.add(n), a.stats.defaults.add(n),
             a.stats.chain_defaults.add(n);
     },
     [](cpu_report& c, std::uint64_t n) { c.handled += n; }},
    {"swallow", [](percpu& a, std::uint64_t n) { a.stats.swallow.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.swallow += n; }},
    {"max_in_flight", [](percpu& a, std::uint64_t n) { a.line.max_in_flight = n; },
     [](cpu_report& c, std::uint64_t n) { c.max_in_flight = std::max(c.max_in_flight, n); }},
    {"work", [](percpu& a, std::uint64_t n) { a.work.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.work += n; }},
    {"times_onlined", [](percpu& a, std::uint64_t n) { a.times_onlined.add(n); },
     [](cpu_report& c, std::uint64_t n) { c.times_onlined += n; }},
    // Of other figures, and not the NMIs' own.
    {"completed", [](percpu& a, std::uint64_t n) { a.line.completed = n; },
     [](cpu_report&, std::uint64_t) {}},
    {"sent", [](percpu& a, std::uint64_t n) { a.line.sent = n; }, [](cpu_report&, std::uint64_t) {}}};

struct entry_of_line {
    const char* name;
    void (*write)(irq_line&, std::uint64_t);
    void (*tell)(irq_report&, std::uint64_t);
};
const entry_of_line all_line_entries[]{
    {"raised", [](irq_line& l, std::uint64_t n) { l.line.count_raises(n); },
     [](irq_report& i, std::uint64_t n) { i.raised += n; }},
    {"count", [](irq_line& l, std::uint64_t n) { l.count.add(n); },
     [](irq_report& i, std::uint64_t n) { i.handled += n; }},
    {"coalesced", [](irq_line& l, std::uint64_t n) { l.line.coalesced = n; },
     [](irq_report& i, std::uint64_t n) { i.coalesced += n; }},
    {"rejected", [](irq_line& l, std::uint64_t n) { l.line.rejected = n; },
     [](irq_report& i, std::uint64_t n) { i.rejected += n; }},
    {"offline_at_raise", [](irq_line& l, std::uint64_t n) { l.line.offline_at_raise = n; },
     [](irq_report& i, std::uint64_t n) { i.offline += n; }},
    {"offline_seen", [](irq_line& l, std::uint64_t n) { l.offline_seen.add(n); },
     [](irq_report& i, std::uint64_t n) { i.offline += n; }},
    {"unhandled", [](irq_line& l, std::uint64_t n) { l.unhandled.add(n); },
     [](irq_report& i, std::uint64_t n) { i.unhandled += n; }}};

run_report gathered(judged_machine& j)
{
    run_report r;
    gather_books(j.m, r);
    return r;
}

} // namespace

TEST_CASE(
    "each figure of a vCPU is in the report under its own name, and in the sum of all, and nothing else is")
{
    judged_machine j;
    const run_report before = gathered(j);
    REQUIRE(before.cpus.size() == 2);
    const std::size_t i = GENERATE(range(std::size_t{0}, std::size(all_entries)));
    const entry_of_books& e = all_entries[i];
    CAPTURE(e.name);
    e.write(j.cpu(0), 10), e.write(j.cpu(1), 3);
    run_report expected = before;
    e.tell(expected.cpus[0], 10), e.tell(expected.cpus[1], 3);
    e.tell(expected.total, 10), e.tell(expected.total, 3);
    const run_report r = gathered(j);
    CHECK(told(r.cpus[0]) == told(expected.cpus[0]));
    CHECK(told(r.cpus[1]) == told(expected.cpus[1]));
    CHECK(told(r.total) == told(expected.total));
    CHECK((r.cpus[0].cpu == 0 && r.cpus[1].cpu == 1 && r.total.cpu == -1));
    for (const irq_report& irq : r.irqs)
        CHECK(told(irq) == told(irq_report{}));
}

TEST_CASE("each figure of an IRQ line is in the report under its own name, on its vCPU and in the line's sum")
{
    judged_machine j;
    const std::size_t i = GENERATE(range(std::size_t{0}, std::size(all_line_entries)));
    const entry_of_line& e = all_line_entries[i];
    CAPTURE(e.name);
    const run_report before = gathered(j);
    e.write(internals(j.m).irq(0, 1), 10), e.write(internals(j.m).irq(1, 1), 3);
    irq_report of_0, of_1, sum;
    e.tell(of_0, 10), e.tell(of_1, 3), e.tell(sum, 13);
    const run_report r = gathered(j);
    REQUIRE(r.irqs.size() == 2);
    REQUIRE((r.cpus[0].irqs.size() == 2 && r.cpus[1].irqs.size() == 2));
    CHECK(told(r.cpus[0].irqs[1]) == told(of_0));
    CHECK(told(r.cpus[1].irqs[1]) == told(of_1));
    CHECK(told(r.irqs[1]) == told(sum));
    CHECK((r.irqs[0].irq == 0 && r.irqs[1].irq == 1 && r.cpus[1].irqs[1].irq == 1));
    for (const irq_report* const other : {&r.irqs[0], &r.cpus[0].irqs[0], &r.cpus[1].irqs[0]})
        CHECK(told(*other) == told(irq_report{}));
    CHECK(told(r.total) == told(before.total));
}

TEST_CASE("the i386 form of the count is an NMI handled as the other one is")
{
    machine_config c;
    c.percpu = percpu_form::array;
    machine m(c);
    m.all_cpus_down();
    internals(m).irq_stat[0].value.add(5);
    run_report r;
    gather_books(m, r);
    CHECK(r.cpus[0].handled == 5);
    CHECK(r.total.handled == 5);
}

TEST_CASE("ages and times of all vCPUs, in NMIs and in IRQs, are in the report, each kind under its own name")
{
    judged_machine j;
    for (std::size_t age = 0; age < 3; ++age) {
        j.cpu(0).age[age].add(1 + age), j.cpu(1).age[age].add(10 * (1 + age));
        j.cpu(0).irq->age[age].add(100 * (1 + age)), j.cpu(1).irq->age[age].add(1000 * (1 + age));
    }
    for (const int cpu : {0, 1}) {
        percpu& area = j.cpu(cpu);
        area.delivery.record(11), area.handler.record(22);
        area.irq->delivery.record(33), area.irq->handler.record(44);
    }
    const run_report r = gathered(j);
    CHECK(r.handler_age == std::array<std::uint64_t, 3>{1111, 2222, 3333});
    CHECK((r.delivery.count == 2 && r.delivery.max_ns == 11));
    CHECK((r.handler.count == 2 && r.handler.max_ns == 22));
    CHECK((r.irq_delivery.count == 2 && r.irq_delivery.max_ns == 33));
    CHECK((r.irq_handler.count == 2 && r.irq_handler.max_ns == 44));
}

TEST_CASE("the record of handlers that took too long is in the report, each figure under its own name")
{
    judged_machine j;
    duration_record& d = internals(j.m).domain.duration;
    d.too_long = 1, d.reported = 2, d.max_ns = 3, d.max_cpu_ns = 4;
    const duration_report r = gathered(j).long_handlers;
    CHECK((r.too_long == 1 && r.reported == 2 && r.max_ns == 3 && r.max_cpu_ns == 4));
}

namespace {

/// One term of the identity, of vCPU `cpu`'s NMIs or of its IRQ line 1.
struct term {
    const char* name;
    void (*of_nmis)(percpu& area, std::uint64_t n);
    void (*of_irqs)(irq_line& line, std::uint64_t n);
    std::uint64_t balanced;
};
const term raised{"raised", [](percpu& a, std::uint64_t n) { a.line.count_raises(n); },
                  [](irq_line& l, std::uint64_t n) { l.line.count_raises(n); }, 150};
const term booked[]{{"handled", [](percpu& a, std::uint64_t n) { a.count->add(n * one_nmi); },
                     [](irq_line& l, std::uint64_t n) { l.count.add(n); }, 60},
                    {"coalesced", [](percpu& a, std::uint64_t n) { a.line.coalesced = n; },
                     [](irq_line& l, std::uint64_t n) { l.line.coalesced = n; }, 50},
                    {"rejected", [](percpu& a, std::uint64_t n) { a.line.rejected = n; },
                     [](irq_line& l, std::uint64_t n) { l.line.rejected = n; }, 30},
                    {"offline", [](percpu& a, std::uint64_t n) { a.line.offline_at_raise = n; },
                     [](irq_line& l, std::uint64_t n) { l.line.offline_at_raise = n; }, 10}};

} // namespace

TEST_CASE("each term of the books that is one too great or too small fails conservation, of NMIs and of IRQs")
{
    const bool irqs = GENERATE(false, true);
    const int cpu = GENERATE(0, 1);
    const std::size_t wrong = GENERATE(range(std::size_t{0}, std::size(booked) + 1)); // the last: raised
    const int by = GENERATE(-1, 0, 1);
    judged_machine j;
    const auto write = [&](const term& t, bool is_wrong) {
        const std::uint64_t n = t.balanced + static_cast<std::uint64_t>(is_wrong ? by : 0);
        if (irqs)
            t.of_irqs(internals(j.m).irq(cpu, 1), n);
        else
            t.of_nmis(j.cpu(cpu), n);
    };
    for (std::size_t i = 0; i < std::size(booked); ++i)
        write(booked[i], i == wrong);
    write(raised, wrong == std::size(booked));
    const std::string name = wrong == std::size(booked) ? raised.name : booked[wrong].name;
    CAPTURE(irqs, cpu, name, by);
    const run_report r = j.judged();
    const check_report& c = of(r, check::conservation);
    CHECK(status_of(c) == (by == 0 ? "pass" : "fail"));
    CHECK(c.failures == (by == 0 ? 0 : 1));
    CHECK(c.looked_at == (name == "raised" ? 150 + static_cast<std::uint64_t>(by) : 150));
    if (by == 0)
        return;
    CHECK(c.first_cpu == cpu);
    CHECK(c.first.starts_with(irqs ? "IRQ 1: raised " : "raised "));
    const std::string wrong_figure = fmt::format(
        "{} {}", name, name == "raised" ? 150 + by : static_cast<int>(booked[wrong].balanced) + by);
    CHECK_THAT(c.first, Contains(wrong_figure));
    CHECK(c.first.ends_with(fmt::format("= {}", name == "raised" ? 150 : 150 + by)));
}

TEST_CASE("every line whose books do not balance is a failure; the first is told")
{
    judged_machine j;
    for (int cpu = 0; cpu < 2; ++cpu) {
        j.cpu(cpu).line.count_raises(10 + static_cast<std::uint64_t>(cpu));
        internals(j.m).irq(cpu, 0).line.count_raises(20);
    }
    const run_report r = j.judged([](run_report& report) { report.elapsed_ns = 7'000'000'000; });
    const check_report& c = of(r, check::conservation);
    CHECK(c.failures == 4);
    CHECK(c.looked_at == 10 + 11 + 20 + 20);
    CHECK_THAT(c.first, Contains("raised 10 "));
    CHECK(c.first_cpu == 0);
    CHECK(c.first_at_s == 7);
}

TEST_CASE("a profile with a sample more or less than its handler ran fails conservation; IRQs leave none")
{
    const int taken_by = GENERATE(-1, 0, 1);
    const int lost_by = GENERATE(-1, 0, 1);
    judged_machine j;
    j.cpu(0).age[0].add(20), j.cpu(1).age[1].add(3), j.cpu(1).age[2].add(1);
    j.cpu(0).irq->age[0].add(5);
    internals(j.m).irq(0, 1).count.add(5);
    internals(j.m).irq(0, 1).line.count_raises(5);
    const run_report r = j.judged([&](run_report& report) {
        profile_report& p = report.profile.emplace();
        p.taken = static_cast<std::uint64_t>(20 + taken_by);
        p.lost = static_cast<std::uint64_t>(4 + lost_by);
    });
    const check_report& c = of(r, check::conservation);
    const bool right = taken_by + lost_by == 0;
    CHECK(status_of(c) == (right ? "pass" : "fail"));
    if (!right)
        CHECK(c.first == fmt::format("handlers ran 24 times but took {} samples and lost {}", 20 + taken_by,
                                     4 + lost_by));
}
