// SPDX-License-Identifier: MIT
//
// NMIs that the kernel or another vCPU raises: timer, perf, ipi. The system decides how many come; we must count each
// of them once.
#include "machine/machine_state.hpp"
#include "machine/sources/ipi_source.hpp"
#include "machine/sources/nmi_source.hpp"
#include "runtime/origin.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/forged_nmi.hpp"
#include "verify/run.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

using namespace nmisim;

namespace {

bool refused(source_kind kind)
{
    if (kind != source_kind::perf || perf_refusal().empty())
        return false;
    WARN("skipped: " << perf_refusal());
    return true;
}

std::unique_ptr<nmi_source> make_source(source_kind kind, machine& m, double rate_hz)
{
    return kind == source_kind::timer ? make_timer_source(m, rate_hz) : make_perf_source(m, rate_hz);
}

run_config short_run(run_config config)
{
    config.duration_ns = 300'000'000;
    config.inject.rate_hz = 2'000;
    config.swap_interval_ns = 1'000'000;
    return config;
}

const source_report& of(const run_report& report, source_kind kind)
{
    return *std::find_if(report.sources.begin(), report.sources.end(),
                         [kind](const source_report& s) { return s.kind == kind; });
}

} // namespace

TEST_CASE("each source raises NMIs, alone and beside the injector, and every check holds")
{
    const source_kind kind = GENERATE(source_kind::timer, source_kind::perf, source_kind::ipi);
    if (refused(kind))
        return;
    run_config config;
    config.machine.cpus = GENERATE(1, 3);
    config.machine.delivery = GENERATE(from_range(all_deliveries));
    config.machine.rcu = GENERATE(flavor::memb, flavor::qsbr);
    config.sources = {kind};
    if (GENERATE(false, true))
        config.sources.push_back(source_kind::sigqueue);
    // A busy machine may leave a short run without any: perf counts the vCPU's own CPU time.
    run_report report = run(short_run(config));
    for (int longer = 1; longer <= 64 && of(report, kind).raised == 0; longer *= 2) {
        run_config again = short_run(config);
        again.duration_ns *= static_cast<unsigned>(longer);
        report = run(again);
    }
    CHECK(report.passed());
    CHECK(of(report, kind).raised > 0);
    CHECK(of(report, kind).not_armed == 0);
    CHECK(report.total.raised ==
          report.total.handled + report.total.coalesced + report.total.rejected + report.total.offline);
    std::uint64_t raised = 0;
    for (const source_report& s : report.sources)
        raised += s.raised;
    if (config.sources.size() > 1)
        CHECK(raised == report.total.raised);
}

TEST_CASE("a timer's expirations that find one pending are raised and coalesced")
{
    run_config config;
    config.sources = {source_kind::timer};
    config.hold_ns = 5'000'000; // ten periods: most expirations find the handler busy
    const run_report report = run(short_run(config));
    const source_report& timer = of(report, source_kind::timer);
    CHECK(report.passed());
    CHECK(timer.overruns > 0);
    CHECK(report.total.coalesced == timer.overruns);
    // Stopping loses what is pending at that moment, and nothing invents any.
    CHECK(timer.raised <= timer.requested);
    // Nine of ten are overruns, however late this vCPU gets its Linux CPU; they are raised like the tenth.
    CHECK(timer.overruns > timer.raised / 2);
    CHECK(timer.overruns < timer.raised);
}

TEST_CASE("vCPUs that go and come back take their own source along, and no NMI is lost")
{
    const source_kind kind = GENERATE(source_kind::timer, source_kind::perf);
    if (refused(kind))
        return;
    machine m({.cpus = 2, .rcu = GENERATE(from_range(all_flavors))});
    const std::unique_ptr<nmi_source> source = make_source(kind, m, 2'000);
    source->start();
    for (int i = 0; i < 5; ++i) {
        const std::uint64_t before = m.nmi_count(1);
        REQUIRE(test::eventually([&] { return m.nmi_count(1) > before; }));
        m.cpu_down(1);
        const std::uint64_t offline = m.nmi_count(1);
        const std::uint64_t other = m.nmi_count(0);
        REQUIRE(test::eventually([&] { return m.nmi_count(0) > other + 3; }));
        CHECK(m.nmi_count(1) == offline);
        m.cpu_up(1);
    }
    source->stop();
    REQUIRE(flush_sources(m, 10'000'000'000));
    CHECK(source->failed() == 0);
    for (int cpu = 0; cpu < 2; ++cpu) {
        const interrupt_line& line = internals(m).area(cpu).line;
        CHECK(line.raised() == m.nmi_count(cpu) + line.coalesced + line.offline_at_raise +
                                   internals(m).area(cpu).offline_seen.read());
    }
    const std::uint64_t after = m.nmi_count(0);
    CHECK(m.drain(1'000'000'000));
    CHECK(m.nmi_count(0) == after); // flushed: none came late
}

TEST_CASE("a timer signal that is not the vCPU's own is a stray, no NMI")
{
    // A program's timer, and one that carries what a vCPU's timers do, as one that has been stopped.
    void* const carried = GENERATE(as<void*>{}, nullptr, runtime::mark_of(runtime::origin::timer));
    machine m({});
    // first after a second: not in this test
    const std::unique_ptr<nmi_source> source = make_timer_source(m, 1);
    source->start();
    percpu& area = internals(m).area(0);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = area.line.signo;
    event._sigev_un._tid = area.tid; // glibc 2.36 has no sigev_notify_thread_id
    event.sigev_value.sival_ptr = carried;
    timer_t foreign{};
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &foreign) == 0);
    const itimerspec once{{0, 0}, {0, 1'000'000}};
    REQUIRE(timer_settime(foreign, 0, &once, nullptr) == 0);
    CHECK(test::eventually([&] { return internals(m).domain.strays == 1; }));
    timer_delete(foreign);
    CHECK(m.nmi_count(0) == 0);
    CHECK(area.line.raised() == 0);
}

TEST_CASE("a counter's signal that is not the vCPU's own is a stray, no NMI")
{
    test::on_vcpu cpu;
    machine m({.custom_workload = cpu.workload()});
    percpu& area = internals(m).area(0);
    siginfo_t info{}; // as the kernel sends it for a descriptor with F_SETSIG; this vCPU has no counter
    info.si_signo = area.line.signo;
    info.si_code = POLL_IN;
    info.si_fd = 0;
    long sent = -1; // the kernel lets a thread send such a one to itself only
    cpu.run([&] { sent = syscall(SYS_rt_tgsigqueueinfo, getpid(), area.tid, area.line.signo, &info); });
    REQUIRE(sent == 0);
    CHECK(test::eventually([&] { return internals(m).domain.strays == 1; }));
    CHECK(m.nmi_count(0) == 0);
    CHECK(area.line.raised() == 0);
}

TEST_CASE("an IPI to all but oneself reaches each other vCPU once")
{
    machine m({.cpus = 3, .delivery = delivery::queue});
    CHECK(send_ipi_allbutself(m, 1) == 2);
    REQUIRE(m.drain(10'000'000'000));
    CHECK(m.nmi_count(0) == 1);
    CHECK(m.nmi_count(1) == 0);
    CHECK(m.nmi_count(2) == 1);
}

TEST_CASE("a vCPU that is alone sends IPIs to itself")
{
    machine m({.delivery = delivery::queue});
    CHECK(send_ipi_allbutself(m, 0) == 1);
    REQUIRE(m.drain(10'000'000'000));
    CHECK(m.nmi_count(0) == 1);
}
