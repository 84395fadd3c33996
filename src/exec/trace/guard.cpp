// SPDX-License-Identifier: MIT
#include "exec/trace/guard.hpp"

#include "exec/trace/memory.hpp"

#include <array>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::uint16_t load = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t give = BPF_RET | BPF_K;

// signalfd without flags: x86-64 alone has it.
#ifdef SYS_signalfd
constexpr std::uint32_t old_signalfd = SYS_signalfd;
#else
constexpr std::uint32_t old_signalfd = SYS_signalfd4;
#endif

/// Which argument of the call points to a set of signals; -1: none does.
int set_argument_of(long nr) noexcept
{
    return nr == SYS_rt_sigtimedwait ? 0 : nr == SYS_rt_sigaction ? -1 : 1;
}

constexpr std::uint64_t bit_of(int signal) noexcept
{
    return std::uint64_t{1} << (signal - 1);
}

constexpr std::uintptr_t below_the_stack = 1024; // behind every red zone

bool read_memory(pid_t pid, std::uint64_t at, void* to, std::size_t bytes) noexcept
{
    const iovec here{to, bytes};
    const iovec there{reinterpret_cast<void*>(at), bytes};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

void write_memory(pid_t pid, std::uint64_t at, void* from, std::size_t bytes) noexcept
{
    const iovec here{from, bytes};
    const iovec there{reinterpret_cast<void*>(at), bytes};
    process_vm_writev(pid, &here, 1, &there, 1, 0);
}

} // namespace

int install_filter(int signal, passed_to whom) noexcept
{
    const auto number = static_cast<std::uint32_t>(signal);
    const bool listens = whom == passed_to::listener;
    const auto exec_to = static_cast<std::uint8_t>(listens ? 7 : 8); // it is passed on, or made
    std::array filter{
        sock_filter{load, 0, 0, offsetof(seccomp_data, arch)},
        sock_filter{equal, 0, 10, audit_arch()},
        sock_filter{load, 0, 0, offsetof(seccomp_data, nr)},
        sock_filter{equal, exec_to, 0, SYS_execve},
        sock_filter{equal, static_cast<std::uint8_t>(exec_to - 1), 0, SYS_execveat},
        sock_filter{equal, 5, 0, old_signalfd},
        sock_filter{equal, 4, 0, SYS_signalfd4},
        sock_filter{equal, 3, 0, SYS_rt_sigtimedwait},
        sock_filter{equal, 0, 3, SYS_rt_sigaction},
        sock_filter{load, 0, 0, offsetof(seccomp_data, args)},
        sock_filter{equal, 0, 1, number},
        sock_filter{give, 0, 0, listens ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_TRACE},
        sock_filter{give, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    const unsigned long flags =
        SECCOMP_FILTER_FLAG_SPEC_ALLOW | (listens ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
    return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

bool guard_call(task& t, int signal, bool& own_handler) noexcept
{
    saved_registers r{};
    if (!read_registers(t.tid, r))
        return false;
    const interrupted at = interrupted_by(r);
    if (const int index = set_argument_of(at.call); index >= 0) {
        const auto set = read_word(t.tid, at.arg[static_cast<std::size_t>(index)]);
        const std::uintptr_t copy = (at.sp - below_the_stack) & ~std::uintptr_t{7};
        if (!set || (*set & bit_of(signal)) == 0 || !write_word(t.tid, copy, *set & ~bit_of(signal)))
            return false;
        t.changed_argument = index;
        t.argument_before = at.arg[static_cast<std::size_t>(index)];
        set_argument(r, index, copy);
        return write_registers(t.tid, r);
    }
    constexpr std::uint64_t greatest_default = 1; // SIG_DFL and SIG_IGN
    if (at.arg[1] != 0 && read_word(t.tid, at.arg[1]).value_or(0) > greatest_default)
        own_handler = true;
    for (std::uintptr_t word = 0; at.arg[2] != 0 && word < 4; ++word)
        write_word(t.tid, at.arg[2] + word * 8, 0);
    skip_call(r, 0);
    write_registers(t.tid, r);
    return false;
}

void put_argument_back(task& t) noexcept
{
    saved_registers r{};
    if (t.changed_argument >= 0 && read_registers(t.tid, r)) {
        set_argument(r, t.changed_argument, t.argument_before);
        write_registers(t.tid, r);
    }
    t.changed_argument = -1;
}

void guard_notified_call(listener& l, const seccomp_notif& n, int signal) noexcept
{
    const auto pid = static_cast<pid_t>(n.pid);
    if (const int index = set_argument_of(n.data.nr); index >= 0) {
        const std::uint64_t at = n.data.args[index];
        std::uint64_t set = 0;
        if (read_memory(pid, at, &set, sizeof set) && (set & bit_of(signal)) != 0) {
            set &= ~bit_of(signal);
            write_memory(pid, at, &set, sizeof set);
        }
        l.let(n);
        return;
    }
    std::array<std::uint64_t, 4> none{};
    if (n.data.args[2] != 0)
        write_memory(pid, n.data.args[2], none.data(), sizeof none);
    l.answer(n, 0);
}

} // namespace nmisim::exec
