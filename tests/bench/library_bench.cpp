// SPDX-License-Identifier: MIT
//
// The library on a thread of the program: attach and detach, an interrupt's way, a swap. What its own timer and a bare
// handler cost is measured in turn with it.
#include "base/clock.hpp"
#include "nmisim/slot.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <csignal>
#include <ctime>
#include <stdexcept>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace nmisim::bench {
namespace {

constexpr int laps = 41;

std::uint64_t own_cpu_ns() noexcept
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return to_ns(t);
}

/// CPU time of one call, from a lap of many.
template <class Step>
double lap_ns(int steps, Step step)
{
    const std::uint64_t begin_ns = own_cpu_ns();
    for (int i = 0; i < steps; ++i)
        step();
    return static_cast<double>(own_cpu_ns() - begin_ns) / steps;
}

double median(std::vector<double>& values)
{
    std::sort(values.begin(), values.end());
    return quantile(values, 0.5);
}

struct counts {
    std::uint64_t n = 0;
    void operator()(const event&) noexcept { ++n; }
};

void timer_alone()
{
    sigevent e{};
    e.sigev_notify = SIGEV_SIGNAL;
    e.sigev_signo = SIGPROF;
    timer_t timer{};
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &e, &timer) != 0)
        throw std::runtime_error("library: no timer");
    const itimerspec every{{0, 10'000'000}, {0, 10'000'000}};
    timer_settime(timer, 0, &every, nullptr);
    timer_delete(timer);
}

void attach(benchmark::State& state, unsigned cpu_hz)
{
    interrupt prof({.signal = SIGPROF});
    for (auto _ : state) {
        std::vector<double> ours;
        std::vector<double> timers;
        for (int i = 0; i < laps; ++i) {
            ours.push_back(lap_ns(100, [&] {
                if (!prof.attach_this_thread({.cpu_hz = cpu_hz}))
                    throw std::runtime_error("library: not attached");
            }));
            if (cpu_hz != 0)
                timers.push_back(lap_ns(100, timer_alone));
        }
        state.counters["us"] = median(ours) / 1000;
        state.counters["timer_us"] = median(timers) / 1000;
    }
}

volatile std::uint64_t counted = 0;

/// A raise on the thread `tid` itself by the same system call, and a handler that counts.
void raise_bare(int signo, pid_t pid, pid_t tid) noexcept
{
    siginfo_t info{};
    info.si_signo = signo;
    info.si_code = SI_QUEUE;
    info.si_pid = pid;
    syscall(SYS_rt_tgsigqueueinfo, pid, tid, signo, &info);
}

void raise_here(benchmark::State& state, bool attached)
{
    struct sigaction bare {};
    bare.sa_sigaction = [](int, siginfo_t*, void*) { counted = counted + 1; };
    bare.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    const int bare_signo = rt(5);
    sigaction(bare_signo, &bare, nullptr);
    interrupt line({.signal = rt(6)});
    slot<counts> handler(line);
    (void)handler.exchange(make<counts>(), deadline{nsec_per_sec});
    std::vector<attachment> here;
    if (attached)
        here.push_back(line.attach_this_thread());
    const pid_t pid = getpid();
    const pid_t tid = gettid();
    for (auto _ : state) {
        std::vector<double> added;
        std::vector<double> floor;
        for (int i = 0; i < laps; ++i) {
            const double before_ns = lap_ns(64, [&] { raise_bare(bare_signo, pid, tid); });
            const double ours_ns = lap_ns(128, [&] { line.raise(tid); });
            const double after_ns = lap_ns(64, [&] { raise_bare(bare_signo, pid, tid); });
            floor.push_back((before_ns + after_ns) / 2);
            added.push_back(ours_ns - floor.back());
        }
        state.counters["added_ns"] = median(added);
        state.counters["bare_ns"] = median(floor);
    }
    if (line.close(deadline{nsec_per_sec}) != outcome::drained)
        state.SkipWithError("library: a handler does not end");
}

void exchange(benchmark::State& state)
{
    interrupt line({.signal = rt(6)});
    slot<counts> handler(line);
    (void)handler.exchange(make<counts>(), deadline{nsec_per_sec});
    const attachment here = line.attach_this_thread();
    for (auto _ : state) {
        std::vector<double> us;
        for (int i = 0; i < 10'000; ++i) {
            auto fresh = make<counts>();
            const std::uint64_t begin_ns = now_ns();
            auto [result, old] =
                handler.exchange(static_cast<owned<counts>&&>(fresh), deadline{nsec_per_sec});
            us.push_back(static_cast<double>(now_ns() - begin_ns) / 1000);
            if (result != outcome::drained)
                state.SkipWithError("library: an exchange did not end");
        }
        std::sort(us.begin(), us.end());
        state.counters["us"] = quantile(us, 0.5);
        state.counters["p99_us"] = quantile(us, 0.99);
    }
}

template <class Body>
void add(const char* name, Body body)
{
    with_spread(benchmark::RegisterBenchmark((std::string("library/") + name).c_str(), body))
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
}

} // namespace

void register_library()
{
    add("attach and detach", [](benchmark::State& s) { attach(s, 0); });
    add("attach and detach with a CPU timer", [](benchmark::State& s) { attach(s, 100); });
    add("raise to self, attached", [](benchmark::State& s) { raise_here(s, true); });
    add("raise to self, never attached", [](benchmark::State& s) { raise_here(s, false); });
    add("exchange", [](benchmark::State& s) { exchange(s); });
}

} // namespace nmisim::bench
