// SPDX-License-Identifier: MIT
//
// `calls FILE` makes each of them, and appends what each came to to FILE, a line each.
#include "calls.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fixture {

char one_byte = 0;
std::vector<char> bytes; // not yet: every program here would begin with it

namespace {

constexpr long moment_ns = 30'000'000;
constexpr timespec moment{0, moment_ns};

/// Children of the others are nobody's to wait for: a wait that is interrupted and made again would have other numbers.
void expect_children(bool any)
{
    signal(SIGCHLD, any ? SIG_DFL : SIG_IGN);
}

#define CALL(name) __attribute__((noinline)) std::string name()

CALL(read_pipe)
{
    int p[2];
    if (pipe(p) != 0)
        return "no pipe";
    later([&] { return write(p[1], "x", 1); });
    return outcome(read(p[0], &one_byte, 1), 1);
}

CALL(read_socket)
{
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    later([&] { return write(p[1], "x", 1); });
    return outcome(read(p[0], &one_byte, 1), 1);
}

CALL(recv_socket)
{
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    later([&] { return write(p[1], "x", 1); });
    return outcome(recv(p[0], &one_byte, 1, 0), 1);
}

CALL(recv_with_timeout)
{
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    const timeval limit{5, 0};
    setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    later([&] { return write(p[1], "x", 1); });
    return outcome(recv(p[0], &one_byte, 1, 0), 1);
}

CALL(read_eventfd)
{
    const int fd = eventfd(0, 0);
    std::uint64_t n = 0;
    later([&] { return eventfd_write(fd, 1); });
    return outcome(read(fd, &n, sizeof n), sizeof n);
}

CALL(read_timerfd)
{
    const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    const itimerspec once{{0, 0}, moment};
    timerfd_settime(fd, 0, &once, nullptr);
    std::uint64_t n = 0;
    return outcome(read(fd, &n, sizeof n), sizeof n);
}

CALL(write_full_pipe)
{
    int p[2];
    if (pipe2(p, O_NONBLOCK) != 0)
        return "no pipe";
    while (write(p[1], bytes.data(), 65536) > 0) {
    }
    fcntl(p[1], F_SETFL, 0);
    later([&] {
        for (int i = 0; i < 16; ++i)
            if (read(p[0], bytes.data(), 65536) < 0)
                break;
    });
    return outcome(write(p[1], bytes.data(), 1), 1);
}

CALL(accept_unix)
{
    sockaddr_un name{AF_UNIX, ""};
    std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "nmi-sim-%d", getpid());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name);
    listen(fd, 1);
    later([&] {
        const int c = socket(AF_UNIX, SOCK_STREAM, 0);
        return connect(c, reinterpret_cast<const sockaddr*>(&name), sizeof name);
    });
    return outcome(accept(fd, nullptr, nullptr), 0);
}

CALL(wait_child)
{
    expect_children(true);
    const std::string what = outcome(waitpid(later([] {}), nullptr, 0), 0);
    expect_children(false);
    return what;
}

CALL(waitid_child)
{
    expect_children(true);
    siginfo_t info{};
    const auto child = static_cast<id_t>(later([] {}));
    const std::string what = outcome(waitid(P_PID, child, &info, WEXITED), 0);
    expect_children(false);
    return what;
}

CALL(flock_file)
{
    const int mine = open("/proc/self/exe", O_RDONLY);
    const int other = open("/proc/self/exe", O_RDONLY);
    flock(other, LOCK_EX);
    later([&] { flock(other, LOCK_UN); });
    return outcome(flock(mine, LOCK_EX), 0);
}

CALL(futex_wait)
{
    static int word = 0;
    const long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &moment, nullptr, 0);
    return r < 0 && errno == ETIMEDOUT ? "whole" : outcome(r, 0);
}

CALL(poll_pipe)
{
    return outcome(poll(nullptr, 0, 30), 0);
}

CALL(ppoll_pipe)
{
    return outcome(ppoll(nullptr, 0, &moment, nullptr), 0);
}

CALL(select_none)
{
    timeval limit{0, 30000};
    return outcome(select(0, nullptr, nullptr, nullptr, &limit), 0);
}

CALL(pselect_none)
{
    return outcome(pselect(0, nullptr, nullptr, nullptr, &moment, nullptr), 0);
}

CALL(nanosleep_once)
{
    return outcome(nanosleep(&moment, nullptr), 0);
}

CALL(clock_nanosleep_absolute)
{
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += moment_ns;
    until.tv_sec += until.tv_nsec / 1'000'000'000;
    until.tv_nsec %= 1'000'000'000;
    const int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    return error == EINTR ? "EINTR" : error == 0 ? "whole" : "error";
}

CALL(msgrcv_queue)
{
    const int queue = msgget(IPC_PRIVATE, 0600);
    struct {
        long type = 1;
        char text = 0;
    } m;
    later([&] { msgsnd(queue, &m, 1, 0); });
    const std::string what = outcome(msgrcv(queue, &m, 1, 0, 0), 1);
    msgctl(queue, IPC_RMID, nullptr);
    return what;
}

CALL(semop_wait)
{
    const int set = semget(IPC_PRIVATE, 1, 0600);
    later([&] {
        sembuf up{0, 1, 0};
        semop(set, &up, 1);
    });
    sembuf down{0, -1, 0};
    const std::string what = outcome(semop(set, &down, 1), 0);
    semctl(set, 0, IPC_RMID);
    return what;
}

CALL(mq_receive_message)
{
    const std::string name = "/nmi-sim-" + std::to_string(getpid());
    mq_attr form{0, 1, 1, 0, {}};
    const mqd_t queue = mq_open(name.c_str(), O_RDWR | O_CREAT, 0600, &form);
    if (queue < 0)
        return "no queue";
    mq_unlink(name.c_str());
    later([&] { mq_send(queue, "x", 1, 0); });
    return outcome(mq_receive(queue, &one_byte, 1, nullptr), 1);
}

CALL(epoll_wait_none)
{
    const int fd = epoll_create1(0);
    epoll_event event{};
    return outcome(epoll_wait(fd, &event, 1, 30), 0);
}

CALL(sigtimedwait_usr1)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const int got = sigtimedwait(&set, nullptr, &moment);
    return got < 0 && errno == EAGAIN ? "whole" : outcome(got, 0);
}

CALL(read_zero)
{
    const int fd = open("/dev/zero", O_RDONLY);
    return outcome(read(fd, bytes.data(), much), static_cast<long>(much));
}

CALL(read_urandom)
{
    const int fd = open("/dev/urandom", O_RDONLY);
    return outcome(read(fd, bytes.data(), much), static_cast<long>(much));
}

CALL(get_random)
{
    return outcome(getrandom(bytes.data(), much, 0), static_cast<long>(much));
}

CALL(write_beyond_pipe)
{
    int p[2];
    if (pipe(p) != 0)
        return "no pipe";
    if (fork() == 0) {
        close(p[1]);
        sleep_on(a_moment);
        while (read(p[0], bytes.data(), 65536) > 0) {
        }
        _exit(0);
    }
    close(p[0]);
    const std::string what = outcome(write(p[1], bytes.data(), 200'000), 200'000);
    close(p[1]);
    return what;
}

CALL(read_file)
{
    const int fd = open("/proc/self/exe", O_RDONLY);
    return outcome(read(fd, bytes.data(), 4096), 4096);
}

CALL(write_file)
{
    char name[] = "/tmp/nmi-sim-exec-XXXXXX";
    const int fd = mkstemp(name);
    unlink(name);
    return outcome(write(fd, bytes.data(), 100'000), 100'000);
}

#undef CALL

#define ROW(name)                                                                                            \
    {                                                                                                        \
#name, name                                                                                          \
    }
const one_call table[] = {ROW(read_pipe),         ROW(read_socket),       ROW(recv_socket),
                          ROW(recv_with_timeout), ROW(read_eventfd),      ROW(read_timerfd),
                          ROW(write_full_pipe),   ROW(accept_unix),       ROW(wait_child),
                          ROW(waitid_child),      ROW(flock_file),        ROW(futex_wait),
                          ROW(poll_pipe),         ROW(ppoll_pipe),        ROW(select_none),
                          ROW(pselect_none),      ROW(nanosleep_once),    ROW(clock_nanosleep_absolute),
                          ROW(msgrcv_queue),      ROW(semop_wait),        ROW(mq_receive_message),
                          ROW(epoll_wait_none),   ROW(sigtimedwait_usr1), ROW(read_zero),
                          ROW(read_urandom),      ROW(get_random),        ROW(write_beyond_pipe),
                          ROW(read_file),         ROW(write_file)};
#undef ROW

int calls(int argc, char** argv)
{
    if (argc < 1)
        return 98;
    bytes.resize(much);
    std::string all = "run\n";
    const auto make = [&](const one_call& c) { all += std::string(c.name) + " " + c.make() + "\n"; };
    for (const one_call& c : table)
        make(c);
    for (const one_call* c = calls_of_files; c->name != nullptr; ++c)
        make(*c);
    const int fd = open(argv[0], O_WRONLY | O_CREAT | O_APPEND, 0600);
    return write(fd, all.data(), all.size()) == static_cast<ssize_t>(all.size()) ? 0 : 97;
}

} // namespace

const entry single_calls[] = {{"calls", calls}, {nullptr, nullptr}};

} // namespace fixture
