// SPDX-License-Identifier: MIT
//
// End to end, signal included, against the bare floor with the same sender:
//
//   self       a vCPU raises to itself; the signal is handled before the call returns
//   ping-pong  raise on another CPU's vCPU and wait until it has counted
//   paced      1k, 10k, 50k NMIs per second: handled per second, and the delivery latency's percentiles
//
// Saturation is in saturation_bench.cpp.
#include "bare_machine.hpp"
#include "bench_cpu.hpp"
#include "helper_threads.hpp"
#include "machine/sources/injector.hpp"
#include "nmi/entry/entry.hpp"
#include "nmi/raise.hpp"
#include "peers.hpp"
#include "statistics.hpp"
#include "suite.hpp"
#include "verify/run.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace nmisim::bench {
namespace {

using handler = void (*)(int, siginfo_t*, void*);

/// The calling thread as a vCPU that raises to itself; `bare` is on the second signal.
class self_raiser {
public:
    self_raiser(flavor f, handler h) : cpu_(f, 0)
    {
        shared_domain.callback.store(&claims_it, std::memory_order_relaxed); // this thread only
        shared_domain.pid = getpid();
        shared_domain.measure_latency = false;
        line().target = pthread_self();
        line().stamp = false;
        line().open(gettid());
        install(ours, h);
        install(bare, bare_handler);
    }
    ~self_raiser()
    {
        // nothing is in flight: each was handled before its raise returned
        sigaction(ours, &before_[0], nullptr);
        sigaction(bare, &before_[1], nullptr);
    }
    void raise(int signo) noexcept
    {
        line().signo = signo;
        raise_on(line());
    }
    const int ours = SIGRTMIN + 3;
    const int bare = SIGRTMIN + 4;

private:
    interrupt_line& line() noexcept { return cpu_.area().line; }
    void install(int signo, handler h)
    {
        struct sigaction action {};
        action.sa_sigaction = h;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        sigemptyset(&action.sa_mask);
        sigaction(signo, &action, &before_[signo == bare]);
    }
    bench_cpu cpu_;
    struct sigaction before_[2];
};

void self(benchmark::State& state, flavor f, handler h)
{
    self_raiser cpu(f, h);
    for (auto _ : state)
        cpu.raise(cpu.ours);
}

/// What ours adds to bare: short laps of both in turn, there and back, and the quartiles of their differences.
void self_paired(benchmark::State& state, flavor f, handler h)
{
    constexpr int pairs = 64;
    constexpr int per_lap = 64;
    self_raiser cpu(f, h);
    const auto lap_ns = [&](int signo) {
        timespec begin;
        timespec end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        for (int i = 0; i < per_lap; ++i)
            cpu.raise(signo);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        return static_cast<double>(to_ns(end) - to_ns(begin)) / per_lap;
    };
    for (auto _ : state) {
        std::vector<double> added;
        std::vector<double> floor;
        for (int i = 0; i < pairs; ++i) {
            const double bare_ns = lap_ns(cpu.bare);
            const double ours_ns = lap_ns(cpu.ours) + lap_ns(cpu.ours);
            const double bare_after_ns = lap_ns(cpu.bare);
            added.push_back((ours_ns - bare_ns - bare_after_ns) / 2);
            floor.push_back((bare_ns + bare_after_ns) / 2);
        }
        std::sort(added.begin(), added.end());
        std::sort(floor.begin(), floor.end());
        state.counters["added_ns"] = quantile(added, 0.5);
        state.counters["added_p25_ns"] = quantile(added, 0.25);
        state.counters["added_p75_ns"] = quantile(added, 0.75);
        state.counters["bare_ns"] = quantile(floor, 0.5);
    }
}

/// Bare if no flavor is given.
void ping_pong(benchmark::State& state, std::optional<flavor> f)
{
    machine_config config;
    config.rcu = f.value_or(flavor::memb);
    config.measure_latency = false;
    config.pin = true;
    machine m(config);
    std::optional<bare_handler_installed> bare;
    if (!f)
        bare.emplace(m);
    m.set_nmi_callback(claims_it);
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    pin_to(0); // the vCPU has the other one
    std::uint64_t count = 0;
    for (auto _ : state) {
        if (m.raise_nmi(0) != raise_result::sent) { // no NMI will come: do not wait for it
            state.SkipWithError("the vCPU has counted, and does not take the next raise");
            break;
        }
        ++count;
        while (m.nmi_count(0) < count) {
        }
    }
    sched_setaffinity(0, sizeof allowed, &allowed);
    if (!m.drain(nsec_per_sec))
        state.SkipWithError("the machine did not drain");
    m.unset_nmi_callback();
}

constexpr std::uint64_t paced_ns = 100'000'000;

run_report paced_run(flavor f, double rate_hz)
{
    run_config config;
    config.machine.rcu = f;
    config.inject.rate_hz = rate_hz;
    config.duration_ns = paced_ns;
    run_report report = run(config);
    if (!report.passed())
        throw std::runtime_error("paced: a check failed");
    return report;
}

void add_latency(benchmark::State& state, const latency& l, double per_s)
{
    state.counters["per_s"] = per_s;
    state.counters["p50_us"] = static_cast<double>(l.percentile_ns(0.5)) / 1000;
    state.counters["p99_us"] = static_cast<double>(l.percentile_ns(0.99)) / 1000;
    state.counters["max_us"] = static_cast<double>(l.max_ns) / 1000;
}

void paced_bare(benchmark::State& state, double rate_hz)
{
    for (auto _ : state) {
        machine m(machine_config{});
        const bare_handler_installed bare(m);
        injector source(m, {.rate_hz = rate_hz});
        const std::uint64_t begin_ns = now_ns();
        source.start();
        const timespec t = to_timespec(paced_ns);
        nanosleep(&t, nullptr);
        source.stop();
        const auto elapsed_ns = static_cast<double>(now_ns() - begin_ns);
        if (!m.drain(nsec_per_sec))
            state.SkipWithError("the machine did not drain");
        latency l;
        l.merge(internals(m).area(0).delivery);
        add_latency(state, l, 1e9 * static_cast<double>(m.nmi_count(0)) / elapsed_ns);
    }
}

void paced(benchmark::State& state, flavor f, double rate_hz)
{
    for (auto _ : state) {
        try {
            const run_report r = paced_run(f, rate_hz);
            add_latency(state, r.delivery,
                        1e9 * static_cast<double>(r.total.handled) / static_cast<double>(r.elapsed_ns));
        } catch (const std::exception& e) {
            state.SkipWithError(e.what());
        }
    }
}

benchmark::internal::Benchmark* add(const std::string& name,
                                    const std::function<void(benchmark::State&)>& body)
{
    return with_spread(benchmark::RegisterBenchmark(name.c_str(), body));
}

} // namespace

void register_end_to_end()
{
    add("self/bare", [](benchmark::State& s) { self(s, flavor::memb, bare_handler); })->MinTime(0.02);
    add("ping-pong/bare", [](benchmark::State& s) { ping_pong(s, {}); })->MinTime(0.02)->UseRealTime();
    for (const flavor f : all_flavors) {
        const std::string name(name_of(f));
        add("self/" + name, [f](benchmark::State& s) {
            self(s, f, nmi_entry_of(f, entry_kind::correct, percpu_form::pda).exc_nmi);
        })->MinTime(0.02);
        add("self-paired/" + name, [f](benchmark::State& s) {
            self_paired(s, f, nmi_entry_of(f, entry_kind::correct, percpu_form::pda).exc_nmi);
        })->Iterations(1);
        add("ping-pong/" + name, [f](benchmark::State& s) { ping_pong(s, f); })->MinTime(0.02)->UseRealTime();
    }
    for (const int khz : {1, 10, 50}) {
        const std::string rate = std::to_string(khz) + "k";
        const double rate_hz = khz * 1000.0;
        add("paced/" + rate + "/bare", [rate_hz](benchmark::State& s) { paced_bare(s, rate_hz); })
            ->Iterations(1)
            ->UseRealTime();
        for (const flavor f : {flavor::memb, flavor::nmi})
            add("paced/" + rate + "/" + std::string(name_of(f)),
                [f, rate_hz](benchmark::State& s) { paced(s, f, rate_hz); })
                ->Iterations(1)
                ->UseRealTime();
    }
}

} // namespace nmisim::bench
