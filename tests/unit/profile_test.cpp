// SPDX-License-Identifier: MIT
//
// The profiler's buffers: nothing is lost but what found no room, and that is counted.
#include "base/signal_mask.hpp"
#include "machine/machine_state.hpp"
#include "nmi/handlers/profile.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "support/text_matcher.hpp"
#include "verify/jobs/profile_job.hpp"
#include "verify/parts/swapper.hpp"
#include "verify/run.hpp"

#include <atomic>
#include <fmt/format.h>

using namespace nmisim;
using nmisim::test::checks_looked;
using nmisim::test::in_child;
using nmisim::test::looked_run;

namespace {

std::vector<std::uintptr_t> drained(profile_buffer& buffer, std::uint64_t& lost)
{
    std::vector<std::uintptr_t> all;
    lost = buffer.drain([&](std::uintptr_t ip) { all.push_back(ip); });
    return all;
}

run_config profiling(workload w)
{
    run_config c;
    c.handler = handler_kind::profile;
    c.machine.workload = w;
    c.machine.cpus = 2;
    c.duration_ns = 300'000'000;
    c.swap_interval_ns = 1'000'000;
    return c;
}

std::string books(const run_report& r)
{
    std::uint64_t rows = 0, calls = 0;
    for (const profile_row& row : r.profile->rows)
        rows += row.samples;
    for (const std::uint64_t n : r.handler_age)
        calls += n;
    return fmt::format("passed {} rows {} samples {} lost {} handlers {}", r.passed(),
                       rows == r.profile->taken, r.profile->taken + r.profile->lost == calls,
                       r.profile->lost > 0, r.profile->drained == r.retired);
}

std::atomic<bool> held{false};
std::atomic<bool> let_go{false};

/// Is in its handler, and has not sampled yet, until it is let go.
int held_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    held = true;
    while (!let_go) {
    }
    return static_cast<checked_handler&>(self).inner(self, regs, cpu);
}

/// Lets the NMI go when all that comes before the grace period has been done.
struct letting_go final : swapper {
    using swapper::swapper;
    bool when_published = false;
    void published() noexcept override
    {
        swapper::published();
        if (when_published)
            let_go = true;
    }
};

} // namespace

TEST_CASE("a drained buffer holds each vCPU's samples in their order, and is empty then")
{
    profile_buffer buffer(2, 4);
    for (const std::uintptr_t ip : {1, 2, 3})
        buffer.add(ip, 0);
    buffer.add(7, 1);
    std::uint64_t lost = 0;
    CHECK(drained(buffer, lost) == std::vector<std::uintptr_t>{1, 2, 3, 7});
    CHECK(lost == 0);
    CHECK(drained(buffer, lost).empty());
}

TEST_CASE("samples without room are counted as lost and spoil no other vCPU's")
{
    profile_buffer buffer(2, 2);
    for (std::uintptr_t ip = 1; ip <= 5; ++ip)
        buffer.add(ip, 0);
    buffer.add(9, 1);
    std::uint64_t lost = 0;
    CHECK(drained(buffer, lost) == std::vector<std::uintptr_t>{1, 2, 9});
    CHECK(lost == 3);
}

TEST_CASE("every handler call leaves a sample, with each flavor and way to reclaim")
{
    run_config c = profiling(workload::spin);
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.reclaim = GENERATE(from_range(all_reclaims));
    CAPTURE(name_of(c.machine.rcu), name_of(c.reclaim));
    const auto child = in_child(60, [&] { return books(looked_run(c, checks_looked)); });
    CHECK(child.text == "passed true rows true samples true lost false handlers true");
}

TEST_CASE(
    "the sample of an NMI that outlasts the swap of its handler is in the profile, with each flavor and "
    "way to reclaim")
{
    run_config c = profiling(workload::spin);
    c.machine.cpus = 1;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.reclaim = GENERATE(from_range(all_reclaims));
    CAPTURE(name_of(c.machine.rcu), name_of(c.reclaim));
    const auto child = in_child(60, [&] {
        run_report r;
        r.config = c;
        profile_job job(c);
        element_pool pool(4, held_call, job, 0);
        const signals_blocked block;
        machine m(c.machine);
        if (c.reclaim == reclaim::call_rcu)
            internals(m).rcu.start_worker();
        letting_go s(m, pool, c.reclaim, info_of(fault::none).swap);
        s.first();
        s.when_published = c.reclaim == reclaim::sync;
        m.raise_nmi(0);
        const bool in_old = nmisim::test::eventually([] { return held.load(); });
        s.step();
        let_go = true; // call_rcu: nobody has waited yet
        s.last();
        job.fill_report(m, r, true);
        return fmt::format("held {} taken {} lost {} handlers {}", in_old, r.profile->taken, r.profile->lost,
                           r.profile->drained);
    });
    CHECK(child.text == "held true taken 1 lost 0 handlers 2");
}

TEST_CASE("without room every handler call is a loss, and the run still passes")
{
    run_config c = profiling(workload::spin);
    c.profile_room = 1;
    c.swap_interval_ns = 100'000'000;
    const auto child = in_child(60, [&] { return books(looked_run(c, checks_looked)); });
    CHECK(child.text == "passed true rows true samples true lost true handlers true");
}

TEST_CASE(
    "a profile of the split workload finds each part where its samples are, in the order of their shares")
{
    const auto child = in_child(240, [] {
        run_config c = profiling(workload::split);
        c.inject.rate_hz = 5'000;
        const auto parts = [](const run_report& r) {
            return r.profile ? r.profile->split : std::vector<split_row>();
        };
        run_report r;
        // Samples of a vCPU that waits for its Linux CPU lie at one place: their number decides, not the time.
        for (int i = 0; i < 6; ++i, c.duration_ns *= 2) {
            r = looked_run(c, checks_looked);
            if (!r.passed() || r.profile->taken > 3'000)
                break;
        }
        if (!r.passed() || r.profile->taken <= 3'000)
            return fmt::format("passed {}, {} samples", r.passed(), r.profile->taken);
        const std::vector<split_row> split = parts(r);
        const bool in_order = split.size() == 3 && split[0].sampled > split[1].sampled &&
                              split[1].sampled > split[2].sampled && split[2].sampled > 0;
        double sampled = 0;
        for (const split_row& s : split)
            sampled += s.sampled;
        return fmt::format("{} {}", in_order ? "in order" : "out of order",
                           sampled > 0.5 && sampled <= 1 ? "and all of it" : fmt::format("and {}", sampled));
    });
    CHECK(child.exited);
    CHECK(child.text == "in order and all of it");
}

TEST_CASE("a handler that is reclaimed without a grace period is caught while it samples")
{
    run_config c = profiling(workload::spin);
    c.fault = fault::no_grace_period;
    c.duration_ns = 5'000'000'000;
    const auto child = in_child(60, [&] {
        const run_report r = run(c);
        return std::string(name_of(r.checks[static_cast<std::size_t>(check::grace_period)].status));
    });
    CHECK(child.text == "fail");
}
