// SPDX-License-Identifier: MIT
#include "exec/trace/listener.hpp"

#include <cerrno>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

void respond(int fd, const seccomp_notif& n, std::int64_t value, std::uint32_t flags) noexcept
{
    seccomp_notif_resp r{};
    r.id = n.id;
    r.val = value;
    r.flags = flags;
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r); // fails where the thread is gone
}

} // namespace

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

} // namespace nmisim::exec
