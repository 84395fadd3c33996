// SPDX-License-Identifier: MIT
#include "exec/trace/guardian.hpp"

#include "base/signal_mask.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr unsigned most_told = 100; ///< processes in an exit status

// From here to its end only what is safe behind fork().
[[noreturn]] void guard_tree(pid_t command, int life, int ended) noexcept
{
    const sigset_t children = signal_set({SIGCHLD});
    sigprocmask(SIG_BLOCK, &children, nullptr);
    std::array<pollfd, 2> all{
        {{life, POLLIN, 0}, {signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0}}};
    while (true) {
        int status = 0;
        pid_t pid = 0;
        while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
            if (pid == command && write(ended, &status, sizeof status) < 0)
                _exit(0);
        if (pid < 0 && errno == ECHILD)
            _exit(0);
        signalfd_siginfo info{};
        while (read(all[1].fd, &info, sizeof info) > 0) {
        }
        poll(all.data(), all.size(), -1);
        if (all[0].revents != 0)
            break;
    }
    // The command's own status counts as told where we end it.
    _exit(static_cast<int>(std::min(end_children(), most_told)));
}

} // namespace

guarded_command::guarded_command(const command& c, int signal)
    : go_(new_pipe()), failed_(new_pipe()), ended_(new_pipe()), life_(new_pipe()), born_(new_pipe())
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, listener_.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    start_plan p(c, output);
    p.go = go_[0];
    p.failed = failed_[1];
    p.listener = listener_[1];
    p.nmi_signal = signal;
    guardian_ = fork();
    const int error = errno;
    if (guardian_ == 0) {
        adopt_orphans();
        for (int* const fd : {&go_[1], &life_[1], &ended_[0], &born_[0], &failed_[0], &listener_[0]})
            close_it(*fd);
        const pid_t pid = fork();
        if (pid == 0)
            become(p);
        if (write(born_[1], &pid, sizeof pid) < 0 || pid < 0)
            _exit(0);
        for (int* const fd : {&go_[0], &failed_[1], &listener_[1], &born_[1]})
            close_it(*fd);
        close_it(p.in);
        close(output.write_end(0));
        close(output.write_end(1));
        guard_tree(pid, life_[0], ended_[1]);
    }
    for (int* const fd : {&go_[0], &failed_[1], &listener_[1], &ended_[1], &life_[0], &born_[1]})
        close_it(*fd);
    if (guardian_ < 0 || read(born_[0], &pid_, sizeof pid_) != sizeof pid_ || pid_ < 0)
        throw std::system_error(error, std::generic_category(), "cannot fork (ulimit -u)");
    output.start();
}

guarded_command::~guarded_command()
{
    end();
    for (auto* const p : {&go_, &failed_, &ended_, &life_, &born_, &listener_})
        for (int& fd : *p)
            close_it(fd);
}

int guarded_command::go_on() noexcept
{
    let_go_on(go_[1]);
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr m{};
    m.msg_iov = &data;
    m.msg_iovlen = 1;
    m.msg_control = control.data();
    m.msg_controllen = control.size();
    ssize_t n = 0;
    while ((n = recvmsg(listener_[0], &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    const cmsghdr* const c = n == 1 ? CMSG_FIRSTHDR(&m) : nullptr;
    int fd = -1;
    if (c != nullptr && c->cmsg_type == SCM_RIGHTS)
        std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

std::optional<int> guarded_command::status() noexcept
{
    pollfd p{ended_[0], POLLIN, 0};
    int status = 0;
    if (poll(&p, 1, 0) != 1 || read(ended_[0], &status, sizeof status) != sizeof status)
        return std::nullopt;
    return status;
}

unsigned guarded_command::end() noexcept
{
    if (over_ || guardian_ < 0)
        return 0;
    over_ = true;
    close_it(life_[1]);
    output.finish();
    // All that we have: what a thread that we trace was killed with, its parent hears behind us.
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, __WALL)) != guardian_)
        if (pid < 0 && errno != EINTR)
            return 0; // it has been waited for before
    return WIFEXITED(status) ? static_cast<unsigned>(WEXITSTATUS(status)) : 0;
}

} // namespace nmisim::exec
