// SPDX-License-Identifier: MIT
//
// The hard-lockup detector: its thresholds as a sequential program on a made-up clock, then a real lock-up.
#include "base/clock.hpp"
#include "nmi/handlers/watchdog.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "support/text_matcher.hpp"
#include "verify/jobs/watchdog_job.hpp"
#include "verify/run.hpp"

#include <csignal>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::in_child;
using nmisim::test::looked_run;

namespace {

constexpr watchdog_thresholds limits{1'000'000};
constexpr std::uint64_t nmi_period_ns = 1'000;
constexpr std::uint64_t start_ns = 10'000'000;

struct story {
    std::uint64_t last_tick_ns = 0;
    std::uint64_t found_ns = 0; ///< 0: never
    int found = 0;
};

/// A vCPU ticks every `tick_ns`, from `phase_ns` on until `last_ns`; NMIs look until `end_ns`.
story tell(watchdog_cpu& cpu, std::uint64_t phase_ns, std::uint64_t tick_ns, std::uint64_t last_ns,
           std::uint64_t end_ns)
{
    story s;
    std::uint64_t next_tick_ns = start_ns + phase_ns;
    for (std::uint64_t at_ns = start_ns; at_ns < end_ns; at_ns += nmi_period_ns) {
        while (next_tick_ns <= at_ns && next_tick_ns <= last_ns) {
            watchdog_tick(cpu, next_tick_ns);
            s.last_tick_ns = next_tick_ns;
            next_tick_ns += tick_ns;
        }
        if (watchdog_hardlockup_check(cpu, limits, at_ns)) {
            s.found_ns = s.found_ns == 0 ? at_ns : s.found_ns;
            ++s.found;
        }
    }
    return s;
}

} // namespace

TEST_CASE("a lock-up is found 3/5 to 4/5 of the threshold after the last tick, whatever the phase")
{
    for (std::uint64_t phase_ns = 0; phase_ns < limits.tick_ns(); phase_ns += 7'919) {
        watchdog_cpu cpu;
        const story s = tell(cpu, phase_ns, limits.tick_ns(), start_ns + 2'000'000, start_ns + 6'000'000);
        CAPTURE(phase_ns);
        REQUIRE(s.found == 1); // told once
        CHECK(s.found_ns - s.last_tick_ns >= limits.thresh_ns * 3 / 5);
        CHECK(s.found_ns - s.last_tick_ns <= limits.thresh_ns * 4 / 5 + 4 * nmi_period_ns);
    }
}

TEST_CASE("a vCPU whose ticks are a fifth of the threshold late is not locked up")
{
    for (std::uint64_t phase_ns = 0; phase_ns < limits.tick_ns(); phase_ns += 7'919) {
        watchdog_cpu cpu;
        const std::uint64_t late_ns = limits.tick_ns() + limits.look_ns() - nmi_period_ns;
        CHECK(tell(cpu, phase_ns, late_ns, UINT64_MAX, start_ns + 20'000'000).found == 0);
    }
}

TEST_CASE("a vCPU that ticks again and locks up again is told again")
{
    watchdog_cpu cpu;
    CHECK(tell(cpu, 0, limits.tick_ns(), start_ns + 1'000'000, start_ns + 4'000'000).found == 1);
    cpu.last_look_ns = 0;
    CHECK(tell(cpu, 0, limits.tick_ns(), start_ns + 1'000'000, start_ns + 4'000'000).found == 1);
}

TEST_CASE("a touch puts a lock-up off, by no more than it takes to look anew")
{
    watchdog_cpu cpu;
    watchdog_tick(cpu, start_ns);
    std::uint64_t found_ns = 0;
    const std::uint64_t touched_ns = start_ns + limits.thresh_ns / 2;
    for (std::uint64_t at_ns = start_ns; found_ns == 0; at_ns += nmi_period_ns) {
        if (at_ns == touched_ns)
            touch_nmi_watchdog(cpu);
        if (watchdog_hardlockup_check(cpu, limits, at_ns))
            found_ns = at_ns;
    }
    CHECK(found_ns - touched_ns >= limits.thresh_ns * 3 / 5);
    CHECK(found_ns - touched_ns <= limits.thresh_ns * 4 / 5 + 4 * nmi_period_ns);
}

TEST_CASE("NMIs that come faster than a fifth of the threshold are let pass")
{
    watchdog_cpu cpu;
    for (int i = 0; i < 1000; ++i)
        CHECK_FALSE(watchdog_hardlockup_check(cpu, limits, start_ns + static_cast<std::uint64_t>(i)));
    CHECK(cpu.looks.read() == 1);
}

TEST_CASE("a vCPU that spins with its interrupts off is found, and the report says where it spins")
{
    run_config c;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.cpus = 2;
    c.handler = handler_kind::watchdog;
    c.watchdog_thresh_ns = 100'000'000;
    c.fault = fault::hard_lockup;
    CAPTURE(name_of(c.machine.rcu));
    const auto child = in_child(60, [&] {
        const run_report r = run(c);
        std::string text = fmt::format("{} {} ", r.checks[static_cast<std::size_t>(check::progress)].first,
                                       r.watchdog->lockups.size());
        for (const lockup_report& l : r.watchdog->lockups) {
            text += fmt::format("cpu {} early {} ", l.cpu, l.after_ns < r.config.watchdog_thresh_ns * 3 / 5);
            for (const std::string& frame : l.backtrace)
                text += frame + "; ";
        }
        return text;
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, nmisim::test::Contains("hard lock-up: milliseconds without a tick"));
    CHECK_THAT(child.text, nmisim::test::Contains(" 1 cpu 0 early false nmisim::bad::hard_lockup"));
}

TEST_CASE("a watched run without a lock-up passes, with each workload, and has looked")
{
    run_config c;
    c.machine.workload = GENERATE(from_range(all_workloads));
    c.machine.cpus = 2;
    c.handler = handler_kind::watchdog;
    c.watchdog_thresh_ns = 200'000'000;
    c.duration_ns = 500'000'000;
    CAPTURE(name_of(c.machine.workload));
    const auto child = in_child(60, [&] {
        const run_report r = looked_run(c, [](const run_report& done) {
            return done.watchdog->looks > 0 || !done.watchdog->lockups.empty();
        });
        return fmt::format("passed {} ticks {} looks {} lock-ups {}", r.passed(), r.watchdog->ticks > 0,
                           r.watchdog->looks > 0, r.watchdog->lockups.size());
    });
    CHECK(child.text == "passed true ticks true looks true lock-ups 0");
}

TEST_CASE("a watchdog that never looked does not pass")
{
    run_config c;
    c.handler = handler_kind::watchdog;
    c.inject.rate_hz = 0;
    c.duration_ns = 20'000'000;
    const auto child = in_child(60, [&] {
        const run_report r = run(c);
        return fmt::format("{} {}", r.watchdog->looks,
                           name_of(r.checks[static_cast<std::size_t>(check::progress)].status));
    });
    CHECK(child.text == "0 nothing-seen");
}

TEST_CASE("a timer's signal that carries anything but the vCPU's own mark is no tick")
{
    const auto child = in_child(60, [] {
        run_config config;
        watchdog_job job(config);
        const int tick = SIGRTMIN + config.machine.signal_offset - 1;
        job.configure(config.machine); // installs the handler
        std::string text;
        for (const std::uintptr_t carried : {std::uintptr_t{0}, std::uintptr_t{0x10}}) {
            siginfo_t info{};
            info.si_code = SI_TIMER;
            info.si_value.sival_ptr = reinterpret_cast<void*>(carried);
            const long sent = syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), tick, &info);
            text += sent == 0 ? "sent " : "not sent ";
        }
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == "sent sent ");
}
