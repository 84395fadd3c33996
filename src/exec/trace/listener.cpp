// SPDX-License-Identifier: MIT
#include "exec/trace/listener.hpp"

#include "exec/trace/arch.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/filter.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::uint16_t filter_load = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t filter_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t filter_give = BPF_RET | BPF_K;

// signalfd without flags: x86-64 alone has it.
#ifdef SYS_signalfd
constexpr std::uint32_t signalfd_of_old = SYS_signalfd;
#else
constexpr std::uint32_t signalfd_of_old = SYS_signalfd4;
#endif

bool read_memory(pid_t pid, std::uint64_t at, void* to, std::size_t bytes) noexcept
{
    const iovec here{to, bytes};
    const iovec there{reinterpret_cast<void*>(at), bytes};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

bool write_memory(pid_t pid, std::uint64_t at, void* from, std::size_t bytes) noexcept
{
    const iovec here{from, bytes};
    const iovec there{reinterpret_cast<void*>(at), bytes};
    return process_vm_writev(pid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

void respond(int fd, const seccomp_notif& n, std::int64_t value, std::uint32_t flags) noexcept
{
    seccomp_notif_resp r{};
    r.id = n.id;
    r.val = value;
    r.flags = flags;
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r); // fails where the thread is gone
}

} // namespace

int install_notifying_filter(int signal) noexcept
{
    const auto number = static_cast<std::uint32_t>(signal);
    std::array filter{
        sock_filter{filter_load, 0, 0, offsetof(seccomp_data, arch)},
        sock_filter{filter_equal, 0, 10, audit_arch()},
        sock_filter{filter_load, 0, 0, offsetof(seccomp_data, nr)},
        sock_filter{filter_equal, 7, 0, SYS_execve},
        sock_filter{filter_equal, 6, 0, SYS_execveat},
        sock_filter{filter_equal, 5, 0, signalfd_of_old},
        sock_filter{filter_equal, 4, 0, SYS_signalfd4},
        sock_filter{filter_equal, 3, 0, SYS_rt_sigtimedwait},
        sock_filter{filter_equal, 0, 3, SYS_rt_sigaction},
        sock_filter{filter_load, 0, 0, offsetof(seccomp_data, args)},
        sock_filter{filter_equal, 0, 1, number},
        sock_filter{filter_give, 0, 0, SECCOMP_RET_USER_NOTIF},
        sock_filter{filter_give, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                    SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                    &program));
}

listener::~listener()
{
    if (fd_ >= 0)
        close(fd_);
}

std::optional<seccomp_notif> listener::receive(int wait_ms) noexcept
{
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, wait_ms) != 1 || (p.revents & POLLIN) == 0)
        return std::nullopt;
    seccomp_notif n{};
    if (ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &n) != 0) // its thread was killed meanwhile
        return std::nullopt;
    return n;
}

std::optional<seccomp_notif> listener::next() noexcept
{
    if (kept_.empty())
        return receive(0);
    const seccomp_notif n = kept_.front();
    kept_.pop_front();
    return n;
}

std::optional<seccomp_notif> listener::next_of(pid_t tid) noexcept
{
    constexpr int look_again_ms = 1;
    while (true) {
        if (const auto n = receive(look_again_ms)) {
            if (static_cast<pid_t>(n->pid) == tid)
                return n;
            kept_.push_back(*n);
            continue;
        }
        siginfo_t info{};
        if (waitid(P_PID, static_cast<id_t>(tid), &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) !=
                0 ||
            info.si_pid != 0)
            return std::nullopt;
    }
}

void listener::let(const seccomp_notif& n) noexcept
{
    respond(fd_, n, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void listener::answer(const seccomp_notif& n, std::int64_t value) noexcept
{
    respond(fd_, n, value, 0);
}

void listener::answer_with_descriptor(const seccomp_notif& n, int fd) noexcept
{
    seccomp_notif_addfd add{};
    add.id = n.id;
    add.srcfd = static_cast<std::uint32_t>(fd);
    add.newfd_flags = 0;
    const int there = ioctl(fd_, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    answer(n, there >= 0 ? there : -errno);
}

void guard_notified_call(listener& l, const seccomp_notif& n, int signal, bool& own_handler) noexcept
{
    const auto pid = static_cast<pid_t>(n.pid);
    const std::uint64_t* const arg = reinterpret_cast<const std::uint64_t*>(n.data.args);
    if (n.data.nr != SYS_rt_sigaction) {
        const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
        const std::uint64_t at = arg[n.data.nr == SYS_rt_sigtimedwait ? 0 : 1];
        std::uint64_t set = 0;
        if (read_memory(pid, at, &set, sizeof set) && (set & bit) != 0) {
            set &= ~bit;
            write_memory(pid, at, &set, sizeof set);
        }
        l.let(n);
        return;
    }
    constexpr std::uint64_t greatest_default = 1; // SIG_DFL and SIG_IGN
    std::uint64_t handler = 0;
    if (arg[1] != 0 && read_memory(pid, arg[1], &handler, sizeof handler) && handler > greatest_default)
        own_handler = true;
    std::array<std::uint64_t, 4> none{};
    if (arg[2] != 0)
        write_memory(pid, arg[2], none.data(), sizeof none);
    l.answer(n, 0);
}

} // namespace nmisim::exec
