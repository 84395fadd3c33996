// SPDX-License-Identifier: MIT
#include "explore/step/system_call.hpp"

#include "explore/step/kernel_action.hpp"

#include <csignal>

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

// The kernel's sigset_t is the first 64 bits of glibc's.
std::uint64_t& kernel_mask(sigset_t& set) noexcept
{
    return *reinterpret_cast<std::uint64_t*>(&set);
}

// rt_sigprocmask(how, set, old, size), on the mask that sigreturn will restore, SIGTRAP left out.
long sigprocmask_of(ucontext_t& at, const std::array<long, 6>& arg) noexcept
{
    std::uint64_t& mask = kernel_mask(at.uc_sigmask);
    const std::uint64_t before = mask;
    if (arg[1] != 0) {
        const std::uint64_t set = *reinterpret_cast<const std::uint64_t*>(arg[1]);
        switch (arg[0]) {
        case SIG_BLOCK: mask |= set; break;
        case SIG_UNBLOCK: mask &= ~set; break;
        case SIG_SETMASK: mask = set; break;
        default: return -EINVAL;
        }
        mask &= ~(bit_of(SIGTRAP) | bit_of(SIGKILL) | bit_of(SIGSTOP));
    }
    if (arg[2] != 0)
        *reinterpret_cast<std::uint64_t*>(arg[2]) = before;
    return 0;
}

} // namespace

bool can_be_made_elsewhere(long nr) noexcept
{
    switch (nr) {
    case SYS_rt_sigreturn:
    case SYS_rt_sigsuspend:
    case SYS_clone:
    case SYS_clone3:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit:
    case SYS_exit_group: return false;
    default: return !arch::forks(nr);
    }
}

bool only_a_signal_ends(const arch::system_call& call) noexcept
{
    switch (call.nr) {
    case SYS_rt_sigsuspend: return true;
    case SYS_ppoll: return call.arg[1] == 0 && call.arg[2] == 0;
    case SYS_pselect6: return call.arg[0] == 0 && call.arg[4] == 0;
    default: return arch::older_wait_is_for_a_signal(call);
    }
}

bool makes_thread_or_process(long nr) noexcept
{
    return nr == SYS_clone || nr == SYS_clone3 || arch::forks(nr);
}

bool makes_process(const arch::system_call& call) noexcept
{
    switch (call.nr) {
    case SYS_clone: return (call.arg[0] & CLONE_THREAD) == 0;
    case SYS_clone3:
        return (*reinterpret_cast<const std::uint64_t*>(call.arg[0]) & CLONE_THREAD) ==
               0; // its flags are first
    default: return arch::forks(call.nr);
    }
}

bool ends_image(long nr) noexcept
{
    return nr == SYS_execve || nr == SYS_execveat || nr == SYS_exit || nr == SYS_exit_group;
}

const char* may_wait(const arch::system_call& call) noexcept
{
    switch (call.nr) {
    case SYS_futex: {
        const int operation = static_cast<int>(call.arg[1]) & FUTEX_CMD_MASK;
        if (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET)
            return nullptr;
        // A word that has changed already makes the call return at once.
        const auto* word = reinterpret_cast<const volatile std::uint32_t*>(call.arg[0]);
        return *word == static_cast<std::uint32_t>(call.arg[2]) ? "futex wait" : nullptr;
    }
    case SYS_nanosleep:
    case SYS_clock_nanosleep: return "sleep";
    default: return arch::polls(call.nr) ? "poll" : nullptr;
    }
}

bool waits_for_time(long nr) noexcept
{
    return nr != SYS_futex;
}

bool sleeps_without_time_out(long nr, const std::uint64_t (&arg)[6]) noexcept
{
    constexpr long epoll_pwait2 = 441; // Linux 5.11 and 5.16, the same number everywhere
    constexpr long futex_waitv = 449;
    switch (nr) {
    case SYS_futex: {
        const int operation = static_cast<int>(arg[1]) & FUTEX_CMD_MASK;
        constexpr int lock_pi2 = 13; // Linux 5.14
        const bool waits = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
                           operation == FUTEX_LOCK_PI || operation == FUTEX_WAIT_REQUEUE_PI ||
                           operation == lock_pi2;
        return waits && arg[3] == 0;
    }
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_restart_syscall: return false; // goes on with a sleep that has a time-out
    case SYS_epoll_pwait: return static_cast<int>(arg[3]) < 0;
    case SYS_ppoll:
    case SYS_rt_sigtimedwait: return arg[2] == 0;
    case SYS_semtimedop:
    case epoll_pwait2:
    case futex_waitv: return arg[3] == 0;
    case SYS_pselect6:
    case SYS_recvmmsg:
    case SYS_io_getevents:
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive: return arg[4] == 0;
    default: return !arch::older_wait_has_time_out(nr, arg); // read, write, pause, wait4, flock have none
    }
}

void make_system_call(ucontext_t& at) noexcept
{
    const arch::system_call call = arch::system_call_of(at);
    const auto& a = call.arg;
    if (call.nr == SYS_rt_sigprocmask)
        arch::finish_system_call(at, sigprocmask_of(at, a));
    else
        arch::finish_system_call(at, arch::raw_system_call(call.nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

} // namespace nmisim::explore
