// SPDX-License-Identifier: MIT
//
// The ring of the timeline: one writer, whose NMIs write too; a reader that may come at any time.
#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <tuple>

using namespace nmisim;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

/// A record whose every word follows from one number: a mixture of two is seen as such.
trace_record numbered(std::uint64_t n)
{
    trace_record r;
    r.begin_ns = n;
    r.end_ns = n * 3;
    r.raised_ns = n ^ 0x5555;
    r.generation = n + 7;
    r.value = static_cast<std::uint16_t>(n);
    return r;
}

bool is_whole(const trace_record& r)
{
    const trace_record expected = numbered(r.begin_ns);
    return r.end_ns == expected.end_ns && r.raised_ns == expected.raised_ns &&
           r.generation == expected.generation && r.value == expected.value;
}

bool all_whole(const trace_row& row)
{
    return std::all_of(row.records.begin(), row.records.end(), is_whole);
}

} // namespace

TEST_CASE("a ring keeps the newest records in their order and counts the others")
{
    trace_log log(1, 0); // 64 records a ring
    for (std::uint64_t n = 1; n <= 1000; ++n)
        log.vcpu(0).write(numbered(n));
    const trace_row row = read_trace(log.vcpu(0));
    REQUIRE(row.records.size() == 64);
    CHECK(row.lost == 1000 - 64);
    for (std::size_t i = 0; i < row.records.size(); ++i)
        CHECK(row.records[i].begin_ns == 1000 - 64 + 1 + i);
    CHECK(all_whole(row));
    CHECK(log.read().size() == 1); // rows without a record are left out
}

TEST_CASE("each thread has room for the limit, and a vCPU among many for four times its share")
{
    for (const int cpus : {1, 4, 16}) {
        trace_log log(cpus, 1000);
        CHECK(log.controller().room == 1000);
        CHECK(log.injector().room == 1000);
        CHECK(log.reclaimer().room == 1000);
        for (int cpu = 0; cpu < cpus; ++cpu)
            CHECK(log.vcpu(cpu).room == (cpus == 16 ? 250u : 1000u));
    }
}

TEST_CASE("a timeline holds the newest records of all threads together, from one time on, and each row "
          "counts its losses")
{
    // One thread writes much more than the others, and not always the same one.
    const std::size_t busy = GENERATE(0u, 1u, 2u, 3u);
    constexpr std::size_t limit = 1000;
    trace_log log(2, limit);
    const std::array<trace_ring*, 4> rings{&log.controller(), &log.injector(), &log.vcpu(0), &log.vcpu(1)};
    std::array<std::uint64_t, 4> written{};
    for (std::uint64_t n = 1; n <= 20'000; ++n) {
        const std::size_t who = n % 10 != 0 ? busy : (n / 10) % rings.size();
        trace_record r;
        r.begin_ns = r.end_ns = n;
        rings[who]->write(r);
        ++written[who];
    }
    const std::vector<trace_row> rows = log.read();
    REQUIRE(rows.size() == rings.size());
    std::vector<std::uint64_t> kept;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i].records.size() + rows[i].lost == written[i]);
        for (const trace_record& r : rows[i].records)
            kept.push_back(r.end_ns);
    }
    std::sort(kept.begin(), kept.end());
    REQUIRE(kept.size() == limit);
    CHECK(kept.front() == 20'000 - limit + 1);
}

TEST_CASE("a row that has overwritten more than the others sets the time from which every row is shown")
{
    std::vector<trace_row> rows(2);
    for (std::uint64_t n = 1; n <= 100; ++n) {
        trace_record r;
        r.begin_ns = r.end_ns = n;
        rows[n % 2].records.push_back(r);
    }
    auto& first = rows[0].records; // 2, 4, ... 100
    first.erase(first.begin(), first.begin() + 39);
    rows[0].overwritten = rows[0].lost = 39;
    rows[1].lost = 1; // of a thread that is stuck in the middle of one: nothing older is gone
    keep_newest(rows, 1000);
    CHECK(first.front().end_ns == 80);
    CHECK(rows[0].lost == 39);
    CHECK(rows[1].records.front().end_ns == 81);
    CHECK(rows[1].lost == 41);
}

TEST_CASE("records that end at the same time as the cut-off are shown all or not at all")
{
    std::vector<trace_row> rows(3);
    for (std::uint64_t n = 0; n < 30; ++n) {
        trace_record r;
        r.begin_ns = r.end_ns = 1 + n / 10; // ten at a time
        rows[n % 3].records.push_back(r);
    }
    keep_newest(rows, 15);
    std::size_t kept = 0;
    for (const trace_row& row : rows) {
        kept += row.records.size();
        CHECK(row.records.front().end_ns == 3);
    }
    CHECK(kept == 10);
}

TEST_CASE("what fits is kept whole")
{
    trace_log log(1, 1000);
    for (std::uint64_t n = 1; n <= 1000; ++n)
        (n % 2 == 0 ? log.injector() : log.vcpu(0)).write(numbered(n));
    for (const trace_row& row : log.read()) {
        CHECK(row.records.size() == 500);
        CHECK(row.lost == 0);
    }
}

TEST_CASE("a record that its own thread's NMIs interrupt is whole, and so are the NMIs'")
{
    static trace_log* log;
    static std::atomic<std::uint64_t> from_nmi;
    trace_log own(1, 16 * 1024);
    log = &own;
    from_nmi = 0;
    std::atomic<std::uint64_t> from_task{0};
    machine_config c;
    c.custom_workload = [&](vcpu&) {
        for (int i = 0; i < 64; ++i)
            log->vcpu(0).write(numbered(2 * ++from_task));
    };
    {
        machine m(c);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            log->vcpu(0).write(numbered(2 * from_nmi.fetch_add(1) + 1));
            return 1;
        }));
        const std::uint64_t deadline_ns = now_ns() + 20 * second;
        const std::uint64_t twice_around = 2 * own.vcpu(0).room;
        while ((from_nmi < 2'000 || from_task < twice_around) && now_ns() < deadline_ns)
            m.raise_nmi(0);
        REQUIRE(m.drain(10 * second));
    }
    const trace_row row = read_trace(own.vcpu(0));
    CAPTURE(from_task, from_nmi);
    CHECK(from_nmi > 100);
    CHECK(from_task > 100);
    CHECK(row.records.size() == own.vcpu(0).room); // each slot holds a record that is complete
    CHECK(row.records.size() + row.lost == from_task + from_nmi);
    CHECK(all_whole(row));
}

TEST_CASE("who reads a ring that is being written to gets whole records only")
{
    trace_log log(1, 16 * 1024);
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        for (std::uint64_t n = 1; !stop; ++n)
            log.vcpu(0).write(numbered(n));
    });
    std::uint64_t looked_at = 0;
    bool whole = true;
    const std::uint64_t deadline_ns = now_ns() + 20 * second;
    for (int i = 0; (i < 300 || looked_at < 100'000) && now_ns() < deadline_ns; ++i) {
        const trace_row row = read_trace(log.vcpu(0));
        whole = whole && all_whole(row);
        looked_at += row.records.size();
    }
    stop = true;
    writer.join();
    CHECK(whole);
    CHECK(looked_at >= 100'000);
}

TEST_CASE("a signal that no machine raised is not in the timeline")
{
    trace_log log(1, 10'000);
    {
        machine m = make_machine(machine_config{}, machine_faults{}, &log);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
        pthread_kill(internals(m).area(0).line.target, internals(m).nmi_signal.number());
        REQUIRE(test::eventually([&] { return internals(m).domain.strays == 1; }));
        m.raise_nmi(0);
        REQUIRE(m.drain(10 * second));
    }
    const trace_row row = read_trace(log.vcpu(0));
    REQUIRE(row.records.size() == 2);
    CHECK(row.records[0].outcome == trace_outcome::handled);
    CHECK(row.records[1].kind == trace_kind::online);
}

TEST_CASE("a traced machine records each NMI with its generation, latency and raise")
{
    trace_log log(1, 10'000);
    {
        machine m = make_machine(machine_config{}, machine_faults{}, &log);
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
        const traced_thread traced(&log.injector());
        for (int i = 0; i < 100; ++i) {
            m.raise_nmi(0);
            REQUIRE(m.drain(10 * second));
        }
    }
    const trace_row nmis = read_trace(log.vcpu(0));
    const trace_row raises = read_trace(log.injector());
    REQUIRE(nmis.records.size() == 101); // and the vCPU's own life, written last
    CHECK(nmis.records.back().kind == trace_kind::online);
    REQUIRE(raises.records.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(nmis.records[i].kind == trace_kind::nmi);
        CHECK(nmis.records[i].outcome == trace_outcome::handled);
        CHECK(nmis.records[i].raised_ns == raises.records[i].begin_ns);
        CHECK(nmis.records[i].begin_ns >= nmis.records[i].raised_ns);
        CHECK(nmis.records[i].end_ns > nmis.records[i].begin_ns);
    }
}
