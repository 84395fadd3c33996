// SPDX-License-Identifier: MIT
#include "exec/each_call.hpp"

#include "exec/call_site.hpp"

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

bool is_interruptible(long nr) noexcept
{
    return std::find(std::begin(interruptible), std::end(interruptible), nr) != std::end(interruptible);
}

constexpr long first_restart_code = -516;
constexpr long last_restart_code = -512;

} // namespace

std::string text_of(const call_address& a)
{
    return fmt::format("{}:{}", a.path, a.number);
}

void each_call::call_entry(task& t, const interrupted& at)
{
    if (!is_interruptible(at.call))
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
    if (t.in->armed && shoot_.count(p.at) != 0 && send_nmi(t.in->tgid, t.tid, signal_)) {
        t.aim->outstanding.store(true, std::memory_order_relaxed); // relaxed: nobody else shoots
        p.shot = true;
    }
}

// At the exit of rt_sigreturn the registers are the interrupted ones, of no call: only a call's own exit counts. A handler's
// calls come between a call and its restart, so that several may wait for theirs.
void each_call::call_exit(task& t, const interrupted& at)
{
    constexpr std::size_t most_waiting = 16;
    if (!is_interruptible(at.call) || at.result < first_restart_code || at.result > last_restart_code)
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
    hit h{at.call, t.in->exe, std::string(name_of(interruption_of(at, restart_))), {}};
    if (const auto cut = short_transfer_of(t.in->tgid, at))
        h.call_text = fmt::format("{} of {}, {}", cut->moved, cut->asked, cut->file);
    if (sites_ && at.call >= 0)
        h.site = site_text(frames_of(t.in->tgid, t.tid, at.ip));
    hits_[found->second.at] = std::move(h);
}

} // namespace nmisim::exec
