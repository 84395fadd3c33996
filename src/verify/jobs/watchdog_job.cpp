// SPDX-License-Identifier: MIT
#include "verify/jobs/watchdog_job.hpp"

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "machine/backtrace/unwind.hpp"
#include "machine/machine_state.hpp"
#include "verify/symbol.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <sched.h>
#include <system_error>
#include <unistd.h>

namespace nmisim {
namespace {

/// Of the calling thread, while it has a timer; what the timer's signal carries.
constinit thread_local watchdog_cpu* own_cpu = nullptr;

/// What a signal carries is compared before it is followed: others have timers as well.
void tick(int, siginfo_t* info, void*)
{
    if (info->si_code == SI_TIMER && own_cpu != nullptr && info->si_value.sival_ptr == own_cpu)
        watchdog_tick(*own_cpu, now_ns());
}

/// One below the NMI's: of two pending signals the lower one is taken first, and a storm of NMIs would otherwise
/// keep the tick out. The NMI is masked in the tick for the same reason: the kernel would put an NMI that is pending too
/// on top of the tick before its first instruction, and the next NMI after that one.
int tick_offset(int nmi_offset) noexcept
{
    return nmi_offset > 0 ? nmi_offset - 1 : SIGRTMAX - SIGRTMIN;
}

/// The calling thread is interrupted every `period_ns`, while this lives.
class tick_timer {
public:
    tick_timer(watchdog_cpu& cpu, int signo, std::uint64_t period_ns) noexcept : signo_(signo)
    {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = signo;
        event.sigev_value.sival_ptr = &cpu;
        event._sigev_un._tid = gettid(); // glibc 2.36 has no sigev_notify_thread_id
        own_cpu = &cpu;
        if (timer_create(CLOCK_MONOTONIC, &event, &id_) != 0) {
            error_ = errno;
            return;
        }
        const itimerspec times{to_timespec(period_ns), to_timespec(period_ns)};
        timer_settime(id_, 0, &times, nullptr);
        change_mask(SIG_UNBLOCK, signo);
    }
    ~tick_timer()
    {
        change_mask(SIG_BLOCK, signo_);
        if (error_ == 0)
            timer_delete(id_);
        own_cpu = nullptr;
    }
    tick_timer(const tick_timer&) = delete;
    tick_timer& operator=(const tick_timer&) = delete;
    int error() const noexcept { return error_; }

private:
    int signo_;
    timer_t id_{};
    int error_ = 0;
};

/// Neither interrupts the other.
void mask_tick_in_nmi(int nmi_signal, int tick_signal) noexcept
{
    struct sigaction action {};
    sigaction(nmi_signal, nullptr, &action);
    sigaddset(&action.sa_mask, tick_signal);
    sigaction(nmi_signal, &action, nullptr);
}

} // namespace

watchdog_job::watchdog_job(const run_config& config)
    : handler_job(timed_if_asked<watchdog_call>(config)), cpus_(config.machine.cpus),
      lock_up_(info_of(config.fault).in_workload), dog_(cpus_, {config.watchdog_thresh_ns})
{}

void watchdog_job::configure(machine_config& config)
{
    tick_signal_.emplace(tick_offset(config.signal_offset), tick, "tick",
                         signal_set({SIGRTMIN + config.signal_offset}));
    config.custom_workload = [this, inner = std::move(config.custom_workload)](vcpu& self) {
        tick_here(self.number());
        if (lock_up_ != nullptr && self.number() == 0)
            lock_up_here();
        if (inner)
            inner(self);
        else
            self.workload_round();
    };
}

void watchdog_job::tick_here(int cpu)
{
    thread_local std::unique_ptr<tick_timer> timer; // the vCPU's thread begins and ends with its vCPU
    if (timer != nullptr)
        return;
    watchdog_cpu& own = dog_.of[static_cast<std::size_t>(cpu)];
    own.last_tick_ns.store(now_ns(), std::memory_order_relaxed); // own NMIs look at it
    touch_nmi_watchdog(own); // the first tick is two looks away: without it, three could come first
    timer = std::make_unique<tick_timer>(own, tick_signal_->number(), dog_.limits.tick_ns());
    if (timer->error() != 0)
        failed_.store(timer->error(), std::memory_order_relaxed);
    ticking_.fetch_add(1, std::memory_order_relaxed);
}

void watchdog_job::lock_up_here() noexcept
{
    if (now_ns() < lock_up_at_ns_.load(std::memory_order_relaxed) ||
        released_.load(std::memory_order_relaxed))
        return;
    change_mask(SIG_BLOCK, tick_signal_->number()); // local_irq_disable()
    lock_up_(released_);
    change_mask(SIG_UNBLOCK, tick_signal_->number());
}

void watchdog_job::ready(machine& m)
{
    mask_tick_in_nmi(internals(m).nmi_signal.number(), tick_signal_->number());
    while (ticking_.load(std::memory_order_relaxed) < cpus_) // each vCPU's first round
        sched_yield();
    if (const int error = failed_.load(std::memory_order_relaxed); error != 0)
        throw std::system_error(
            error, std::generic_category(),
            "timer_create for the watchdog's tick (its signals share the limit of ulimit -i)");
    lock_up_at_ns_.store(now_ns() + 2 * dog_.limits.thresh_ns, std::memory_order_relaxed);
}

void watchdog_job::release() noexcept
{
    released_.store(true, std::memory_order_relaxed); // a flag, nothing with it
}

void watchdog_job::fill_report(machine&, run_report& report, bool drained)
{
    if (!drained)
        return;
    watchdog_report& out = report.watchdog.emplace();
    for (int cpu = 0; cpu < cpus_; ++cpu) {
        const watchdog_cpu& own = dog_.of[static_cast<std::size_t>(cpu)];
        out.ticks += own.hrtimer_interrupts.load(std::memory_order_relaxed); // after the drain
        out.looks += own.looks.read();
        if (own.lockups.read() == 0)
            continue;
        lockup_report& lockup = out.lockups.emplace_back();
        lockup.cpu = cpu;
        lockup.after_ns = own.after_ns;
        for (const std::uintptr_t ip : unwind(own.stack))
            lockup.backtrace.push_back(symbol_of(ip));
    }
}

} // namespace nmisim
