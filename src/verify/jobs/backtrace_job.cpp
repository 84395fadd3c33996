// SPDX-License-Identifier: MIT
#include "verify/jobs/backtrace_job.hpp"

#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/interrupt_signal.hpp"
#include "verify/jobs/timed.hpp"
#include "verify/symbol.hpp"

#include <algorithm>
#include <numeric>
#include <pthread.h>

namespace nmisim {

backtrace_job::backtrace_job(const run_config& config)
    : function_(timed_if_asked<backtrace_call>(config)), interval_ns_(config.backtrace_interval_ns),
      board_(config.machine.cpus)
{}

backtrace_job::~backtrace_job()
{
    release();
}

void backtrace_job::ready(machine& m)
{
    const signals_blocked block;
    asker_ = start_thread("the thread that asks for backtraces", [this, &m] {
        pthread_setname_np(pthread_self(), "backtrace");
        ask_again_and_again(m);
    });
}

void backtrace_job::ask_again_and_again(machine& m)
{
    std::vector<int> all(static_cast<std::size_t>(board_.cpus));
    std::iota(all.begin(), all.end(), 0);
    while (!stop_.load(std::memory_order_relaxed)) {
        backtrace_outcome outcome = nmi_trigger_cpumask_backtrace(m, board_, all);
        ++found_.asked;
        found_.answered += outcome.answered.size();
        found_.unanswered += outcome.unanswered.size();
        found_.longest_ns = std::max(found_.longest_ns, outcome.took_ns);
        last_ = std::move(outcome);
        const std::uint64_t next_ns = now_ns() + interval_ns_;
        while (!stop_.load(std::memory_order_relaxed) && now_ns() < next_ns) { // a flag, nothing with it
            const timespec nap = to_timespec(std::min<std::uint64_t>(interval_ns_, 10'000'000));
            nanosleep(&nap, nullptr);
        }
    }
}

void backtrace_job::release() noexcept
{
    stop_.store(true, std::memory_order_relaxed); // a flag, nothing with it
    if (asker_.joinable())
        asker_.join();
}

void backtrace_job::fill_report(machine&, run_report& report, bool drained)
{
    if (!drained)
        return;
    for (const cpu_frames& c : last_.answered) {
        cpu_backtrace& out = found_.last.emplace_back();
        out.cpu = c.cpu;
        for (const std::uintptr_t ip : c.frames)
            out.frames.push_back(symbol_of(ip));
    }
    for (const int cpu : last_.unanswered)
        found_.last.push_back({cpu, {}});
    report.backtrace = std::move(found_);
}

} // namespace nmisim
