// SPDX-License-Identifier: MIT
//
// The ring of the timeline: one writer, whose NMIs write too; a reader that may come at any time.
#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

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

TEST_CASE("a limit is shared out between the threads")
{
    const trace_log log(4, 64 * 1024);
    std::uint64_t slots = 0;
    for (trace_ring* ring :
         {&const_cast<trace_log&>(log).controller(), &const_cast<trace_log&>(log).injector()})
        slots += ring->mask + 1;
    CHECK(slots == 8 * 1024 + 16 * 1024); // an eighth, and three eighths rounded down to a power of two
    CHECK(const_cast<trace_log&>(log).vcpu(3).mask + 1 == 4 * 1024);
}

TEST_CASE("a record that its own thread's NMIs interrupt is whole, and so are the NMIs'")
{
    static trace_log* log;
    static std::atomic<std::uint64_t> from_nmi;
    trace_log own(1, 64 * 1024);
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
        m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            log->vcpu(0).write(numbered(2 * from_nmi.fetch_add(1) + 1));
            return 1;
        }));
        const std::uint64_t deadline_ns = now_ns() + 20 * second;
        const std::uint64_t twice_around = 2 * (own.vcpu(0).mask + 1);
        while ((from_nmi < 2'000 || from_task < twice_around) && now_ns() < deadline_ns)
            m.raise_nmi(0);
        REQUIRE(m.drain(10 * second));
    }
    const trace_row row = read_trace(own.vcpu(0));
    CAPTURE(from_task, from_nmi);
    CHECK(from_nmi > 100);
    CHECK(from_task > 100);
    CHECK(row.records.size() == own.vcpu(0).mask + 1); // each slot holds a record that is complete
    CHECK(row.records.size() + row.lost == from_task + from_nmi);
    CHECK(all_whole(row));
}

TEST_CASE("who reads a ring that is being written to gets whole records only")
{
    trace_log log(1, 64 * 1024);
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

TEST_CASE("a traced machine records each NMI with its generation, latency and raise")
{
    trace_log log(1, 10'000);
    {
        machine m(machine_config{}, machine_faults{}, &log);
        m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
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
