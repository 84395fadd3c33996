// SPDX-License-Identifier: MIT
//
// The order of a run, on which everything depends:
//
//   start   machine (vCPUs online) -> first handler published -> controller -> sources
//   watch until the duration is over, a check fails, progress ends or a stop is asked for
//   drain   sources stop -> every NMI sent has been taken -> controller stops -> last handler reclaimed
//           -> vCPUs offline -> judge
//
// Each part of a run does its share of every stage (parts/run_part.hpp): the list is checked_run::parts_.
//
// NMIs are raised only while a checked handler is published, so that "exactly one generation per NMI" holds
// from the first to the last.
#include "verify/run.hpp"

#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/machine_state.hpp"
#include "machine/own_program.hpp"
#include "verify/bounded_end.hpp"
#include "verify/jobs/handler_job.hpp"
#include "verify/judge.hpp"
#include "verify/parts/chain_part.hpp"
#include "verify/parts/hotplug_part.hpp"
#include "verify/parts/irq_part.hpp"
#include "verify/parts/source_part.hpp"
#include "verify/parts/swap_part.hpp"
#include "verify/run_remarks.hpp"
#include "verify/stall_watch.hpp"
#include "verify/widen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace nmisim {
namespace {

constexpr std::uint64_t watch_interval_ns = 10'000'000;
constexpr std::uint64_t tick_interval_ns = 100'000'000;
/// A swap that does not wait for a stuck vCPU ends within that.
constexpr std::uint64_t swap_patience_ns = 1'000'000'000;

/// The run over time, for a picture: some rows at equal distances. When a long run has filled the table, every other row
/// is dropped and the distance doubles.
class progress_log {
public:
    /// Unless it comes too soon after the row before.
    void add(const run_progress& now)
    {
        if (rows_.empty() || now.elapsed_ns >= rows_.back().elapsed_ns + interval_ns_)
            add_last(now);
    }
    void add_last(const run_progress& now)
    {
        rows_.push_back(now);
        if (rows_.size() >= most_rows)
            thin_out();
    }
    const std::vector<run_progress>& rows() const noexcept { return rows_; }

private:
    static constexpr std::size_t most_rows = 1000;

    void thin_out()
    {
        std::size_t kept = 0;
        for (std::size_t i = 1; i < rows_.size(); i += 2)
            rows_[kept++] = rows_[i];
        rows_.resize(kept);
        interval_ns_ *= 2;
    }

    std::vector<run_progress> rows_;
    std::uint64_t interval_ns_ = tick_interval_ns / 2; ///< less than a tick: each of them
};

class checked_run {
public:
    checked_run(const run_config& config, const run_hooks& hooks, std::vector<remark> remarks)
        : config_(config), hooks_(hooks), job_(make_handler_job(config))
    {
        report_.config = config;
        report_.remarks = std::move(remarks);
    }

    run_report execute()
    {
        try {
            start();
        } catch (...) {
            abandon();
            throw;
        }
        watch();
        finish();
        return std::move(report_);
    }
    /// False: threads are left that use this run.
    bool is_over() const noexcept { return machine_ == nullptr; }

private:
    void start();
    void abandon() noexcept;
    void watch();
    void finish();
    bool drain();
    bool cpus_down(int first, int end);
    bool in_vain(const char* what);
    std::uint64_t patience_ns() const;
    bool end_hotplug();
    void stalled(const violation& v);
    int pause(std::uint64_t ns) const;
    run_progress progress() const;
    pool_list pools() const;
    template <class... Declared, class... Given>
    void each(void (run_part::*stage)(Declared...), Given&... given)
    {
        for (run_part* const part : parts_)
            (part->*stage)(given...);
    }
    template <class... Declared, class... Given>
    void each_backwards(void (run_part::*stage)(Declared...), Given&... given)
    {
        for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
            (*part->*stage)(given...);
    }

    run_config config_;
    const run_hooks& hooks_;
    // Before the machine, whose vCPUs and controller use them.
    std::unique_ptr<handler_job> job_;
    irq_part irqs_{config_};
    chain_part chain_{config_};
    swap_part swaps_{config_, *job_, irqs_, chain_};
    source_part sources_{config_};
    hotplug_part hotplug_{config_};
    const std::array<run_part*, 6> parts_{&swaps_, &chain_, job_.get(), &sources_, &irqs_, &hotplug_};
    std::unique_ptr<trace_log> trace_; ///< the same: the machine writes to it
    std::unique_ptr<machine> machine_;
    check_block control_checks_;
    std::uint64_t start_ns_ = 0;
    progress_log samples_;
    run_report report_;
};

void checked_run::start()
{
    if (config_.trace_limit != 0)
        trace_ = std::make_unique<trace_log>(config_.machine.cpus, config_.trace_limit);
    make_own_programs(config_.machine);
    each(&run_part::configure, config_.machine);
    const signals_blocked block; // liburcu 0.13's callback thread inherits the mask of its creator
    machine_.reset(new machine(
        make_machine(config_.machine, machine_faults_of(config_.fault, config_.machine.rcu), trace_.get())));
    machine_state& state = internals(*machine_);
    state.domain.observe = observe;
    state.domain.observe_irq = observe_in_irq;
    state.domain.observe_task = config_.chain == 0 ? observe_from_task : observe_chain_from_task;
    if (config_.nmi_longest_ns != 0 || config_.chain > 0) // a chain times its handlers by itself
        state.domain.nmi_longest_ns.store(config_.nmi_longest_ns != 0 ? config_.nmi_longest_ns : UINT64_MAX,
                                          std::memory_order_relaxed); // a knob
    if (config_.reclaim == reclaim::call_rcu) {
        start_thread("the thread of call_rcu", [] {}).join(); // liburcu would end the program; this throws
        state.rcu.start_worker();
    }
    each(&run_part::publish, *machine_);
    state.domain.expect_one_generation.store(true, std::memory_order_relaxed); // before the first raise
    state.domain.handler_name = name_of(config_.handler).data();               // a literal
    each(&run_part::ready, *machine_);
    report_.start_ns = start_ns_ = now_ns();
    each(&run_part::start, *machine_);
}

/// The system has refused something half-way through start(): ends what is there, as finish() does.
void checked_run::abandon() noexcept
{
    if (machine_ == nullptr)
        return;
    each_backwards(&run_part::stop);
    each_backwards(&run_part::release);
    release_stuck_handlers();
    machine_->all_cpus_down(); // with controller_place::vcpu, the controller as well
    swaps_.end();
    each_backwards(&run_part::detach);
    machine_.reset(); // with the handler that is published
}

pool_list checked_run::pools() const
{
    pool_list all = irqs_.pools();
    all.insert(all.begin(), &swaps_.pool());
    return all;
}

int checked_run::pause(std::uint64_t ns) const
{
    if (hooks_.pause)
        return hooks_.pause(ns);
    sleep_for(ns);
    return 0;
}

run_progress checked_run::progress() const
{
    run_progress p;
    p.elapsed_ns = now_ns() - start_ns_;
    p.swaps = swaps_.swaps();
    for (auto& cpu : internals(*machine_).cpus) {
        p.raised += cpu->area().line.raised(); // a snapshot for people
        p.handled += nmi_count_of(cpu->area());
    }
    p.failures = failures_so_far(*machine_, pools());
    return p;
}

void checked_run::stalled(const violation& v)
{
    report_.stop_reason = stop_reason::stall;
    control_checks_[check::progress].looked();
    control_checks_[check::progress].fail(v);
    report_.stalls = stall_watch(*machine_, config_.stall_timeout_ns).describe();
    release_stuck_handlers();
}

void checked_run::watch()
{
    stall_watch stalls(*machine_, config_.stall_timeout_ns);
    std::uint64_t next_tick_ns = start_ns_ + tick_interval_ns;
    const std::uint64_t end_ns = config_.duration_ns == 0 ? UINT64_MAX : start_ns_ + config_.duration_ns;
    for (;;) {
        const std::uint64_t at_ns = now_ns();
        if (at_ns >= end_ns)
            return;
        if (const int signal = pause(std::min(watch_interval_ns, end_ns - at_ns)); signal != 0) {
            report_.stop_reason = stop_reason::signal;
            report_.stop_signal = signal;
            report_.complete = config_.duration_ns == 0;
            return;
        }
        if (internals(*machine_).domain.panicked.load(std::memory_order_relaxed)) {
            report_.stop_reason = stop_reason::panic;
            report_.complete = false;
            return;
        }
        if (const auto v = stalls.look()) {
            report_.complete = false;
            return stalled(*v);
        }
        if (!config_.keep_going && failures_so_far(*machine_, pools()) > 0) {
            report_.stop_reason = stop_reason::first_failure;
            report_.complete = false;
            return;
        }
        if (now_ns() >= next_tick_ns) {
            next_tick_ns += tick_interval_ns;
            samples_.add(progress());
            if (hooks_.tick)
                hooks_.tick(progress());
        }
    }
}

/// Each vCPU has to get a Linux CPU once: where hundreds share one, that takes a while.
std::uint64_t checked_run::patience_ns() const
{
    return config_.stall_timeout_ns + static_cast<std::uint64_t>(machine_->cpus()) * 100'000'000;
}

/// Something that should have ended has not: a stall, unless one has been reported already. Returns false.
bool checked_run::in_vain(const char* what)
{
    const std::uint64_t ms = patience_ns() / 1'000'000;
    if (report_.stop_reason != stop_reason::stall)
        stalled({now_ns(), -1, 0, ms, ms, 0, what});
    return false;
}

/// Waits for the NMIs in flight; a drain that does not end is a stall as well.
bool checked_run::drain()
{
    return drain_within(*machine_, patience_ns()) ||
           in_vain("milliseconds waited for NMIs in flight after the last raise (at most)") ||
           drain_within(*machine_, patience_ns());
}

/// Takes the vCPUs from `first` to before `end` offline. False: one stays in its workload, and what it uses must stay.
bool checked_run::cpus_down(int first, int end)
{
    return cpus_down_within(*machine_, first, end, patience_ns()) ||
           in_vain("milliseconds waited for a vCPU to leave its workload at the end (at most)");
}

/// False: a vCPU does not end, and what it uses must stay.
bool checked_run::end_hotplug()
{
    return hotplug_.end_within(patience_ns()) ||
           in_vain("milliseconds waited for a vCPU to go offline or online (at most)");
}

void checked_run::finish()
{
    // used once the controller has stopped
    const traced_thread traced(trace_ ? &trace_->controller() : nullptr);
    each_backwards(&run_part::stop);
    samples_.add_last(progress());
    report_.elapsed_ns = now_ns() - start_ns_;
    each_backwards(&run_part::release);
    const bool flushed = end_hotplug() && drain() && sources_.flush(patience_ns());
    bool drained = flushed || in_vain("milliseconds waited for the sources' last signals (at most)");
    if (config_.controller_place == controller_place::vcpu)
        drained = drained && cpus_down(0, 1); // its last swap has ended
    if (drained) {
        swaps_.end();
        if (!drain()) // NMIs that a fault's swap raised after the injector had stopped
            report_.complete = false;
        internals(*machine_).domain.expect_one_generation.store(false, std::memory_order_relaxed);
        each_backwards(&run_part::last);
    } else {
        // What follows reads its books. One that waits for a stuck vCPU does not write them.
        static_cast<void>(swaps_.end_within(swap_patience_ns));
    }
    drained = drained && cpus_down(0, machine_->cpus());
    gather_books(*machine_, report_);
    each(&run_part::fill_report, *machine_, report_, drained);
    report_.progress = samples_.rows();
    judge(*machine_, pools(), control_checks_, start_ns_, report_);
    if (trace_)
        report_.trace = trace_->read();
    add_remarks(config_, *machine_, report_);
    if (drained) {
        each_backwards(&run_part::detach);
        machine_.reset();
    }
}

} // namespace

run_report run(const run_config& asked, const run_hooks& hooks)
{
    run_config config = asked;
    config.inject.seed = config.seed;
    std::vector<remark> remarks;
    for (const preflight_finding& finding : preflight(config)) {
        if (finding.fatal)
            throw std::system_error(EAGAIN, std::generic_category(), finding.text);
        remarks.push_back({finding.code, finding.text});
    }
    widen_for_fault(config, remarks);
    // On the heap: where a vCPU is stuck for good, its thread cannot be ended, and what it and the controller use must stay.
    auto checked = std::make_unique<checked_run>(config, hooks, std::move(remarks));
    run_report report = checked->execute();
    if (report.stop_reason == stop_reason::stall || !checked->is_over())
        static_cast<void>(checked.release());
    return report;
}

} // namespace nmisim
