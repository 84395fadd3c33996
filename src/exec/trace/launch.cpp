// SPDX-License-Identifier: MIT
#include "exec/trace/launch.hpp"

#include "base/clock.hpp"
#include "exec/trace/guard.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

void tell_failure(const start_plan& p, bool filter) noexcept
{
    const start_failure f{errno, filter};
    if (write(p.failed, &f, sizeof f) < 0)
        _exit(126);
}

bool hand_over_listener(const start_plan& p) noexcept
{
    const int fd = install_filter(p.nmi_signal, passed_to::listener);
    if (fd < 0)
        return false;
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
    msghdr m{};
    m.msg_iov = &data;
    m.msg_iovlen = 1;
    m.msg_control = control.data();
    m.msg_controllen = control.size();
    cmsghdr* const c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(p.listener, &m, MSG_NOSIGNAL) == 1;
}

} // namespace

start_plan::start_plan(const command& c, const output_pipes& output)
    : in(open(c.stdin_file.c_str(), O_RDONLY | O_CLOEXEC)), out(output.write_end(0)),
      err(output.write_end(1)), mask(&c.mask)
{
    if (in < 0)
        throw std::system_error(errno, std::generic_category(), "cannot read " + c.stdin_file);
    for (const std::string& word : c.argv)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
}

start_plan::~start_plan()
{
    close_it(in);
}

[[noreturn]] void become(const start_plan& p) noexcept
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (const int s : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGCHLD}) // those that we ignore or take ourselves
        sigaction(s, &standard, nullptr);
    dup2(p.in, STDIN_FILENO);
    dup2(p.out, STDOUT_FILENO);
    dup2(p.err, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, p.mask, nullptr);
    char one = 0;
    if (p.nmi_signal != 0) {
        while (read(p.go, &one, 1) < 0 && errno == EINTR) {
        }
        if (one == 0) // nobody traces
            _exit(127);
        if (p.listener >= 0 ? !hand_over_listener(p) : install_filter(p.nmi_signal, passed_to::tracer) != 0) {
            tell_failure(p, true);
            _exit(127);
        }
    }
    execvp(p.argv[0], p.argv.data());
    tell_failure(p, false);
    _exit(127);
}

void let_go_on(int& go) noexcept
{
    const char one = 1;
    if (write(go, &one, 1) == 1)
        close_it(go);
}

start_failure failure_told_by(int failed) noexcept
{
    start_failure f;
    ssize_t n = 0;
    while ((n = read(failed, &f, sizeof f)) < 0 && errno == EINTR) {
    }
    return n == sizeof f ? f : start_failure{};
}

launched::launched(const command& c, int nmi_signal) : go_(new_pipe()), failed_(new_pipe())
{
    start_plan p(c, output);
    p.go = go_[0];
    p.failed = failed_[1];
    p.nmi_signal = nmi_signal;
    pid_ = fork();
    const int error = errno;
    if (pid_ == 0) {
        close(go_[1]);
        become(p);
    }
    close_it(go_[0]);
    close_it(failed_[1]);
    if (pid_ < 0)
        throw std::system_error(error, std::generic_category(), "cannot fork (ulimit -u)");
    output.start();
}

launched::~launched()
{
    for (int* const fd : {&go_[0], &go_[1], &failed_[0], &failed_[1]})
        close_it(*fd);
}

void adopt_orphans() noexcept
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

namespace {

// Of every thread of ours: an orphan goes to any of them.
void kill_children() noexcept
{
    DIR* const threads = opendir("/proc/self/task");
    while (const dirent* const d = threads == nullptr ? nullptr : readdir(threads)) {
        char path[sizeof "/proc/self/task//children" + sizeof d->d_name];
        std::snprintf(path, sizeof path, "/proc/self/task/%s/children", d->d_name);
        std::FILE* const children = std::fopen(path, "re");
        int pid = 0;
        while (children != nullptr && std::fscanf(children, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (children != nullptr)
            std::fclose(children);
    }
    if (threads != nullptr)
        closedir(threads);
}

} // namespace

unsigned end_children() noexcept
{
    unsigned ended = 0;
    const std::uint64_t end = now_ns() + 10 * nsec_per_sec; // one that cannot be killed is left alone
    while (now_ns() < end) {
        kill_children();
        const pid_t pid = waitpid(-1, nullptr, __WALL | WNOHANG);
        if (pid < 0 && errno == ECHILD)
            break;
        if (pid > 0) {
            ++ended;
            continue;
        }
        sleep_for(1'000'000);
    }
    return ended;
}

} // namespace nmisim::exec
