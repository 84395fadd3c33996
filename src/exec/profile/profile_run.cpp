// SPDX-License-Identifier: MIT
#include "exec/profile/profile_run.hpp"

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "exec/profile/clock.hpp"
#include "exec/profile/sampled_tree.hpp"
#include "exec/profile/tree_files.hpp"
#include "exec/runs.hpp"
#include "exec/trace/detached.hpp"
#include "exec/trace/guardian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t swap_every_ns = 20'000'000;
constexpr std::uint64_t swap_soon_ns = 2'000'000;
constexpr std::uint64_t era_patience_ns = 200'000'000;

std::string clock_refused(int error)
{
    return fmt::format(
        "the kernel's CPU clock is refused (perf_event_open: {}): run as root, or allow it by 'sysctl "
        "kernel.perf_event_paranoid=2'; in a container, let its seccomp profile pass perf_event_open. It "
        "needs Linux 5.13; or Linux 6.4, and timers stand for it",
        std::generic_category().message(error));
}

/// Of this thread, to see whether there is one at all.
int clock_error(int signal, std::uint64_t period_ns)
{
    const int fd = open_clock(static_cast<pid_t>(syscall(SYS_gettid)), signal, period_ns * 1'000'000);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

class profiler final : public injector {
public:
    profiler(const exec_config& c, guarded_command& command, std::uint64_t period_ns, clock_kind clocks)
        : config_(c), command_(command), period_ns_(period_ns), clocks_(clocks), files_(command.pid()),
          area_(c.frames == stacks::leaf ? 1 : most_frames,
                c.frames == stacks::cfi && frame_rules::are_read(), era_patience_ns),
          tree_(command.pid(), profile_signal, period_ns, c.follow == followed::main, c.timeline, clocks)
    {
        if (clocks == clock_kind::perf_event)
            events_.emplace(command.pid());
    }

    bool inject(pid_t tid, remote_calls& remote, const remote_calls::meanwhile& answer) override;
    void executed(pid_t tid, bool armed) override;
    /// Until the command has ended, or must.
    void run(listener& l, std::uint64_t timeout_ns, wake_ups& w);
    void finish(profile_found& to);

    bool hang() const noexcept { return hang_; }
    int status() const noexcept { return status_; }

private:
    void look_at_tree() { tree_.note(events_ ? events_->read() : files_.look(), area_.generation()); }
    bool give_timer(std::uint64_t area, remote_calls& remote);
    bool turn()
    {
        const bool soon =
            area_.turn([this](const taken_sample& s) { tree_.add(s, area_.known()); }, tree_.last_death_ns());
        tree_.close_clocks(area_.oldest_generation());
        return soon;
    }

    const exec_config& config_;
    guarded_command& command_;
    listener* listener_ = nullptr;
    const std::uint64_t period_ns_;
    const clock_kind clocks_;
    std::optional<tree_events> events_; ///< the kernel's own
    tree_files files_;                  ///< ... where they are refused
    sample_area area_;
    sampled_tree tree_;
    bool hang_ = false;
    bool main_ended_ = false;
    int status_ = 0;
    const std::uint64_t start_ticks_ = own::ticks();
    const std::uint64_t start_ns_ = now_ns();
};

// The descriptor comes as the answer to a call that the filter tells us of: a path would not do in a container, and one that
// was open at the execve might stay so where that fails.
bool profiler::inject(pid_t tid, remote_calls& remote, const remote_calls::meanwhile& answer)
{
    if (config_.follow == followed::main && tid != command_.pid())
        return false;
    const auto signal = static_cast<std::uint64_t>(profile_signal);
    const long fd = remote.call(SYS_rt_sigaction, {signal, 0, 0, 8}, [&] {
        if (const auto n = listener_->next_of(tid))
            listener_->answer_with_descriptor(*n, area_.descriptor());
    });
    if (fd < 0)
        return false;
    const auto there = static_cast<std::uint64_t>(fd);
    const long page = remote.call(SYS_mmap, {0, area_.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, there, 0});
    const auto at = static_cast<std::uint64_t>(page);
    bool ok = remote.call(SYS_close, {there, 0, 0, 0, 0, 0}) == 0 && page > 0;
    ok = ok && remote.call(SYS_mprotect, {at, own::page_bytes, PROT_READ | PROT_EXEC, 0, 0, 0}) == 0;
    ok = ok &&
         remote.call(SYS_rt_sigaction, {signal, area_.put_action(at, config_.restarts != restart::off), 0, 8},
                     answer) == 0;
    return ok && (clocks_ == clock_kind::perf_event || give_timer(at, remote));
}

// Behind the handler, which its signals need.
bool profiler::give_timer(std::uint64_t area, remote_calls& remote)
{
    const std::uint64_t at =
        area_.put_timer(area, plan_timer(profile_signal, period_ns_, tree_.next_timer()));
    const auto id = [&] { return static_cast<std::uint64_t>(area_.timer_id()); };
    return remote.call(SYS_timer_create, {CLOCK_PROCESS_CPUTIME_ID, at + offsetof(timer_plan, event),
                                          at + offsetof(timer_plan, id)}) == 0 &&
           remote.call(SYS_timer_settime, {id(), 0, at + offsetof(timer_plan, every), 0}) == 0;
}

void profiler::executed(pid_t tid, bool armed)
{
    if (!events_)
        tree_.note(files_.executed(tid), area_.generation());
    look_at_tree(); // what was mapped belongs to the new program, and its births to the one before
    tree_.executed(tid, armed, area_.generation());
}

void profiler::run(listener& l, std::uint64_t timeout_ns, wake_ups& w)
{
    listener_ = &l;
    detached follow(l, profile_signal, *this);
    const sigset_t woken = signal_set({SIGCHLD, SIGINT, SIGTERM, SIGHUP});
    int wakes = signalfd(-1, &woken, SFD_CLOEXEC);
    std::vector<pollfd> all{
        {l.descriptor(), POLLIN, 0}, {command_.ended_descriptor(), POLLIN, 0}, {wakes, POLLIN, 0}};
    if (events_)
        for (const int fd : events_->descriptors())
            all.push_back({fd, POLLIN, 0});
    const std::uint64_t deadline = now_ns() + timeout_ns;
    std::uint64_t next_turn = now_ns() + swap_every_ns;
    const bool wait_all = config_.waits == wait_for::all;
    while (w.stop_signal() == 0 && !(main_ended_ && !wait_all) &&
           !follow.ended().contains(command_.guardian())) {
        const std::uint64_t now = now_ns();
        if (now >= deadline) {
            hang_ = true;
            break;
        }
        if (now >= next_turn) {
            look_at_tree();
            next_turn = now + (turn() ? swap_soon_ns : swap_every_ns);
        }
        const timespec pause = to_timespec(std::min(deadline, next_turn) - std::min(now, next_turn));
        ppoll(all.data(), all.size(), &pause, nullptr);
        w.wait(now_ns()); // takes the signals
        look_at_tree();
        follow.work();
        if (const auto status = main_ended_ ? std::nullopt : command_.status()) {
            main_ended_ = true;
            status_ = *status;
            all[1].fd = -1;
        }
        if ((all[0].revents & POLLHUP) != 0) // the last process with the filter has ended
            all[0].fd = -1;
    }
    close_it(wakes);
}

void profiler::finish(profile_found& to)
{
    look_at_tree();
    area_.finish([this](const taken_sample& s) { tree_.add(s, area_.known()); });
    to.counts = area_.counts();
    const double ns_per_tick = static_cast<double>(now_ns() - start_ns_) /
                               static_cast<double>(std::max<std::uint64_t>(own::ticks() - start_ticks_, 1));
    tree_.report(to, [&](std::uint64_t ticks) {
        return static_cast<std::uint64_t>(static_cast<double>(ticks - std::min(ticks, start_ticks_)) *
                                          ns_per_tick);
    });
}

} // namespace

profile_end run_profile_once(const exec_config& c, std::uint64_t timeout_ns, wake_ups& w, profile_found& to)
{
    profile_end end;
    to.period_ns = static_cast<std::uint64_t>(std::max(1.0, 1e9 / c.rate_hz));
    clock_kind clocks = clock_kind::perf_event;
    const auto take_timers = [&](int error) {
        clocks = clock_kind::timer;
        to.refused = error;
        to.period_ns = std::max(to.period_ns, tick_ns());
        if (!timers_meet_running_threads())
            end.absent = clock_refused(error);
        return end.absent.empty();
    };
    if (const int error = clock_error(profile_signal, to.period_ns); error != 0 && !take_timers(error))
        return end;
    const stop_watch watch;
    guarded_command command(command_of(c, w), profile_signal);
    std::optional<profiler> p;
    try {
        p.emplace(c, command, to.period_ns, clocks);
    } catch (const std::system_error& e) {
        // A thread's clock may be had where the events of a CPU, which tell of births, may not.
        if (!take_timers(e.code().value()))
            return end;
        p.emplace(c, command, to.period_ns, clocks);
    }
    const int fd = command.go_on();
    if (fd < 0) {
        end.absent = command.why_not().filter
                         ? "seccomp is refused: it needs Linux 5.9, and no other listener"
                         : "the command could not be started";
        return end;
    }
    {
        listener l(fd);
        p->run(l, timeout_ns, w);
        to.left_behind = command.end();
    }
    end.exec_error = command.why_not().error;
    watch.put_into(to.what);
    to.what.status = p->status();
    to.what.hang = p->hang();
    to.what.out = command.output.taken[0];
    to.what.err = command.output.taken[1];
    p->finish(to);
    return end;
}

} // namespace nmisim::exec
