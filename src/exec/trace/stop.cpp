// SPDX-License-Identifier: MIT
#include "exec/trace/stop.hpp"

#include <csignal>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

// PTRACE_GET_SYSCALL_INFO and its structure, which C libraries name in different ways.
constexpr auto get_syscall_info = static_cast<__ptrace_request>(0x420e);
struct call_info {
    std::uint8_t op;
    std::uint8_t pad[3];
    std::uint32_t arch;
    std::uint64_t rest[16];
};
constexpr std::uint8_t op_entry = 1;

call_info info_of_call(pid_t tid) noexcept
{
    call_info info{};
    ptrace(get_syscall_info, tid, sizeof info, &info);
    return info;
}

unsigned long message_of(pid_t tid) noexcept
{
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message);
    return message;
}

bool stops_groups(int signal) noexcept
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

} // namespace

stop stop_of(pid_t tid, int status) noexcept
{
    if (!WIFSTOPPED(status))
        return {stop_kind::ended};
    const int signal = WSTOPSIG(status);
    switch (status >> 16) {
    case 0:
        if (signal == (SIGTRAP | 0x80))
            return {info_of_call(tid).op == op_entry ? stop_kind::call_entry : stop_kind::call_exit};
        return {stop_kind::signal, signal};
    case PTRACE_EVENT_STOP: return {stops_groups(signal) ? stop_kind::group_stop : stop_kind::trap};
    case PTRACE_EVENT_EXEC: return {stop_kind::exec, 0, message_of(tid)};
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: return {stop_kind::birth, 0, message_of(tid)};
    case PTRACE_EVENT_SECCOMP: return {stop_kind::guarded_call};
    default: return {stop_kind::other};
    }
}

// A step ends with TRAP_TRACE; behind a system call with TRAP_BRKPT; and at a handler's first instruction the kernel
// reports by SIGTRAP alone.
trap trap_of(pid_t tid) noexcept
{
    siginfo_t info{};
    if (ptrace(PTRACE_GETSIGINFO, tid, nullptr, &info) != 0)
        return trap::none;
    switch (info.si_code) {
    case SI_KERNEL: return trap::breakpoint;
    case TRAP_TRACE:
    case TRAP_BRKPT:
    case SIGTRAP: return trap::step;
    default: return trap::none;
    }
}

void put_in_place(pid_t tid, int signal) noexcept
{
    siginfo_t info{};
    info.si_signo = signal;
    info.si_code = SI_TKILL;
    info.si_pid = getpid();
    info.si_uid = getuid();
    ptrace(PTRACE_SETSIGINFO, tid, nullptr, &info);
}

std::uint32_t arch_of_call(pid_t tid) noexcept
{
    return info_of_call(tid).arch;
}

} // namespace nmisim::exec
