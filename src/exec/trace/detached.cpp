// SPDX-License-Identifier: MIT
#include "exec/trace/detached.hpp"

#include "exec/trace/arch.hpp"
#include "exec/trace/guard.hpp"
#include "exec/trace/stop.hpp"

#include <csignal>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace nmisim::exec {

namespace {

constexpr unsigned long seize_options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;

void let_go(pid_t tid, int signal = 0) noexcept
{
    ptrace(PTRACE_DETACH, tid, nullptr, signal);
}

} // namespace

void detached::notified(const seccomp_notif& n)
{
    const auto tid = static_cast<pid_t>(n.pid);
    if (n.data.nr != SYS_execve && n.data.nr != SYS_execveat) {
        guard_notified_call(listener_, n, signal_);
        return;
    }
    // Fails where we trace it since a try before, and where somebody else does.
    ptrace(static_cast<__ptrace_request>(PTRACE_SEIZE), tid, nullptr, seize_options);
    listener_.let(n);
}

void detached::arm(pid_t tid)
{
    executing_.erase(tid);
    bool armed = false;
    if (arch_of_call(tid) == audit_arch()) {
        const remote_calls::meanwhile let = [&] {
            if (const auto n = listener_.next_of(tid))
                listener_.let(*n);
        };
        remote_calls remote(tid, tid);
        armed = injector_.inject(tid, remote, let);
        if (remote.ended())
            return;
    }
    injector_.executed(tid, armed);
    let_go(tid);
}

void detached::stopped(pid_t tid, int status)
{
    if (!WIFSTOPPED(status)) {
        executing_.erase(tid);
        ended_.insert(tid);
        return;
    }
    const stop s = stop_of(tid, status);
    if (s.kind == stop_kind::exec) {
        executing_.insert(tid);
        ptrace(PTRACE_SYSCALL, tid, nullptr, nullptr);
    } else if (executing_.contains(tid)) {
        if (s.kind == stop_kind::call_exit)
            arm(tid);
        else
            ptrace(PTRACE_SYSCALL, tid, nullptr, s.kind == stop_kind::signal ? s.signal : 0);
    } else {
        let_go(tid, s.kind == stop_kind::signal ? s.signal : 0);
    }
}

void detached::work()
{
    while (const auto n = listener_.next())
        notified(*n);
    int status = 0;
    pid_t tid = 0;
    while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        stopped(tid, status);
        while (const auto n = listener_.next())
            notified(*n);
    }
}

} // namespace nmisim::exec
