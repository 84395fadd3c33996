// SPDX-License-Identifier: MIT
#include "exec/each_call.hpp"

#include "base/number_text.hpp"
#include "exec/call_site.hpp"
#include "exec/trace/proc_files.hpp"
#include "exec/trace/remote_call.hpp"
#include "explore/step/system_call.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <sys/syscall.h>

namespace nmisim::exec {

namespace {

/// Those that may wait, or move less than they were asked to.
constexpr long interruptible[] = {
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_preadv,
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_ppoll,
    SYS_pselect6,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_rt_sigsuspend,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_futex,
    SYS_epoll_pwait,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_accept,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_connect,
    SYS_semop,
    SYS_semtimedop,
    SYS_rt_sigtimedwait,
    SYS_wait4,
    SYS_waitid,
    SYS_flock,
    SYS_fcntl,
    SYS_openat,
    SYS_mq_timedreceive,
    SYS_mq_timedsend,
    SYS_splice,
    SYS_sendfile,
    SYS_getrandom,
    SYS_copy_file_range,
    SYS_tee,
    SYS_vmsplice,
#ifdef SYS_poll
    SYS_poll,
    SYS_select,
    SYS_pause,
    SYS_epoll_wait,
    SYS_open,
#endif
#ifdef SYS_io_uring_enter
    SYS_io_uring_enter,
#endif
};

/// Those behind which no NMI can be taken by the program that made them.
constexpr long never[] = {SYS_exit,     SYS_exit_group,      SYS_execve,
                          SYS_execveat, SYS_restart_syscall, SYS_rt_sigreturn};

} // namespace

bool is_interruptible(long nr) noexcept
{
    return std::find(std::begin(interruptible), std::end(interruptible), nr) != std::end(interruptible);
}

std::optional<long> call_named(std::string_view name)
{
    constexpr long greatest = 1023;
    for (long nr = 0; nr <= greatest; ++nr)
        if (name == explore::name_of_system_call(nr))
            return nr;
    return std::nullopt;
}

std::string text_of(const call_address& a)
{
    return fmt::format("{}:{}", a.path, a.number);
}

std::optional<call_address> call_address_of(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0)
        return std::nullopt;
    const call_address a{std::string(text.substr(0, colon)), number_in(text.substr(colon + 1)).value_or(0)};
    const bool is_path = a.path.find_first_not_of("0123456789.") == std::string::npos;
    return is_path && a.number != 0 ? std::optional(a) : std::nullopt;
}

bool each_call::counts(long nr) const noexcept
{
    return is_interruptible(nr) ||
           (how_.every_call && std::find(std::begin(never), std::end(never), nr) == std::end(never));
}

void each_call::shoot(task& t, place& p)
{
    if (!send_nmi(t.in->tgid, t.tid, how_.signal))
        return;
    t.aim->outstanding.store(true, std::memory_order_relaxed); // relaxed: nobody else shoots
    p.shot = true;
}

void each_call::call_entry(task& t, const interrupted& at)
{
    if (!counts(at.call))
        return;
    place& p = entered_[t.tid];
    const auto again = std::find(p.restarting.begin(), p.restarting.end(), std::pair(at.ip, at.sp));
    if (again != p.restarting.end()) {
        p.restarting.erase(again);
        return;
    }
    p.ip = at.ip;
    p.sp = at.sp;
    p.at = {t.in->path, ++t.in->calls};
    p.shot = false;
    calls_.push_back({p.at, at.call, t.in->exe});
    if (!t.in->armed || shoot_.count(p.at) == 0)
        return;
    if (how_.ignore_masks)
        take_out_of_mask(t.tid, how_.signal);
    if (how_.placing == placing::entry)
        shoot(t, p);
    else
        asleep_[t.tid] = &t;
}

// Between the look and the signal the call may end: then the thread stops at its exit, and the signal meets a call that is
// done, never the next one.
void each_call::idle()
{
    for (auto at = asleep_.begin(); at != asleep_.end();) {
        const auto [tid, t] = *at;
        const bool sleeps = state_of(tid) == 'S';
        if (sleeps)
            shoot(*t, entered_[tid]);
        at = sleeps ? asleep_.erase(at) : std::next(at);
    }
}

// At the exit of rt_sigreturn the registers are the interrupted ones, of no call: only a call's own exit counts. A handler's
// calls come between a call and its restart, so that several may wait for theirs.
void each_call::call_exit(task& t, const interrupted& at)
{
    constexpr std::size_t most_waiting = 16;
    // ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND. What ends with ERESTART_RESTARTBLOCK goes on as restart_syscall, if at all.
    constexpr long first_restart_code = -514;
    constexpr long last_restart_code = -512;
    if (!counts(at.call))
        return;
    asleep_.erase(t.tid);
    if (at.result < first_restart_code || at.result > last_restart_code)
        return;
    auto& all = entered_[t.tid].restarting;
    if (all.size() == most_waiting)
        all.erase(all.begin());
    all.emplace_back(at.ip, at.sp);
}

void each_call::delivery(task& t, const interrupted& at)
{
    const auto found = entered_.find(t.tid);
    if (found == entered_.end() || !found->second.shot)
        return;
    found->second.shot = false;
    if (shoot_.size() > 1)
        table_.note(t, at, how_.restart);
    // Its next entry is another call, be it from the same place.
    if (interruption_of(at, how_.restart) == interruption::eintr)
        std::erase(found->second.restarting, std::pair(at.ip, at.sp));
    hit h{at.call, t.in->exe, std::string(name_of(interruption_of(at, how_.restart))), {}};
    if (const auto cut = short_transfer_of(t.in->tgid, at))
        h.call_text = fmt::format("{} of {}, {}", cut->moved, cut->asked, cut->file);
    if (how_.sites && at.call >= 0)
        h.site = site_text(frames_of(t.in->tgid, t.tid, at.ip));
    hits_[found->second.at] = std::move(h);
}

} // namespace nmisim::exec
