// SPDX-License-Identifier: MIT
//
// Those on terminals, named pipes, TCP and io_uring, and those that move data between descriptors.
#include "calls.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

namespace fixture {

namespace {

#define CALL(name) __attribute__((noinline)) std::string name()

/// A terminal that passes on what it gets: both its sides.
bool open_terminal(int (&sides)[2])
{
    sides[0] = posix_openpt(O_RDWR | O_NOCTTY);
    if (sides[0] < 0 || grantpt(sides[0]) != 0 || unlockpt(sides[0]) != 0)
        return false;
    sides[1] = open(ptsname(sides[0]), O_RDWR | O_NOCTTY);
    termios raw{};
    if (sides[1] < 0 || tcgetattr(sides[1], &raw) != 0)
        return false;
    cfmakeraw(&raw);
    return tcsetattr(sides[1], TCSANOW, &raw) == 0;
}

/// A file with as many bytes, which has no name any more.
int file_of(std::size_t size)
{
    char name[] = "/tmp/nmi-sim-exec-XXXXXX";
    const int fd = mkstemp(name);
    unlink(name);
    if (ftruncate(fd, static_cast<off_t>(size)) != 0)
        return -1;
    return fd;
}

void drain(int fd, std::size_t size)
{
    std::vector<char> some(65536);
    for (ssize_t n = 1; size > 0 && n > 0; size -= static_cast<std::size_t>(n))
        n = read(fd, some.data(), some.size());
}

CALL(read_terminal)
{
    int sides[2];
    if (!open_terminal(sides))
        return "no terminal";
    later([&] { return write(sides[0], "x", 1); });
    return outcome(read(sides[1], &one_byte, 1), 1);
}

CALL(write_terminal)
{
    constexpr std::size_t size = 20'000;
    int sides[2];
    if (!open_terminal(sides))
        return "no terminal";
    later([&] { drain(sides[0], size); });
    return outcome(write(sides[1], bytes.data(), size), size);
}

CALL(open_fifo)
{
    char name[] = "/tmp/nmi-sim-exec-XXXXXX";
    close(mkstemp(name));
    unlink(name);
    if (mkfifo(name, 0600) != 0)
        return "no fifo";
    later([&] { return open(name, O_WRONLY); });
    const std::string what = outcome(open(name, O_RDONLY), 0);
    unlink(name);
    return what;
}

CALL(splice_empty_pipe)
{
    int in[2];
    int out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        return "no pipe";
    later([&] { return write(in[1], "x", 1); });
    return outcome(splice(in[0], nullptr, out[1], nullptr, 1, 0), 1);
}

CALL(tee_empty_pipe)
{
    int in[2];
    int out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        return "no pipe";
    later([&] { return write(in[1], "x", 1); });
    return outcome(tee(in[0], out[1], 1, 0), 1);
}

CALL(sendfile_beyond_pipe)
{
    constexpr std::size_t size = 400'000;
    int p[2];
    if (pipe(p) != 0)
        return "no pipe";
    const int file = file_of(size);
    later([&] { drain(p[0], size); });
    return outcome(sendfile(p[1], file, nullptr, size), size);
}

CALL(copy_range)
{
    constexpr std::size_t size = 400'000;
    const int from = file_of(size);
    const int to = file_of(0);
    return outcome(copy_file_range(from, nullptr, to, nullptr, size, 0), size);
}

CALL(pread_zero)
{
    return outcome(pread(open("/dev/zero", O_RDONLY), bytes.data(), much, 0), static_cast<long>(much));
}

CALL(pwrite_urandom)
{
    return outcome(pwrite(open("/dev/urandom", O_WRONLY), bytes.data(), much, 0), static_cast<long>(much));
}

CALL(send_beyond_socket)
{
    constexpr std::size_t size = 2'000'000;
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    later([&] { drain(p[0], size); });
    return outcome(send(p[1], bytes.data(), size, 0), size);
}

/// Full after the first 65536, signal or not.
CALL(write_nonblocking)
{
    int p[2];
    return pipe2(p, O_NONBLOCK) == 0 ? outcome(write(p[1], bytes.data(), 200'000), 65536) : "no pipe";
}

/// No more is there, signal or not.
CALL(read_part)
{
    int p[2];
    if (pipe(p) != 0 || write(p[1], "x", 1) != 1)
        return "no pipe";
    return outcome(read(p[0], bytes.data(), 10), 1);
}

CALL(accept_tcp)
{
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, address, size) != 0 || getsockname(fd, address, &size) != 0 || listen(fd, 1) != 0)
        return "no socket";
    later([&] { return connect(socket(AF_INET, SOCK_STREAM, 0), address, size); });
    return outcome(accept(fd, nullptr, nullptr), 0);
}

CALL(recv_all)
{
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    if (write(p[1], "xyz", 3) != 3)
        return "no socket";
    later([&] { return write(p[1], "x", 1); });
    return outcome(recv(p[0], bytes.data(), 4, MSG_WAITALL), 4);
}

/// Its size is 4096.
CALL(read_sysfs)
{
    return outcome(read(open("/sys/devices/system/cpu/online", O_RDONLY), bytes.data(), 4096), 1);
}

/// As read_part.
CALL(recv_part)
{
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    if (write(p[1], "x", 1) != 1)
        return "no socket";
    return outcome(recv(p[0], bytes.data(), 10, 0), 1);
}

CALL(io_uring_wait)
{
    io_uring_params how{};
    const auto ring = static_cast<int>(syscall(SYS_io_uring_setup, 4, &how));
    if (ring < 0 || (how.features & IORING_FEAT_EXT_ARG) == 0)
        return "no io_uring";
    const timespec most{0, 30'000'000};
    io_uring_getevents_arg arg{};
    arg.ts = reinterpret_cast<std::uintptr_t>(&most);
    const long r = syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                           &arg, sizeof arg);
    return r < 0 && errno == ETIME ? "whole" : outcome(r, 0);
}

#undef CALL

} // namespace

#define ROW(name)                                                                                            \
    {                                                                                                        \
#name, name                                                                                          \
    }
const one_call calls_of_files[] = {ROW(read_terminal),     ROW(write_terminal), ROW(open_fifo),
                                   ROW(splice_empty_pipe), ROW(tee_empty_pipe), ROW(sendfile_beyond_pipe),
                                   ROW(copy_range),        ROW(accept_tcp),     ROW(recv_all),
                                   ROW(pread_zero),        ROW(pwrite_urandom), ROW(send_beyond_socket),
                                   ROW(write_nonblocking), ROW(read_part),      ROW(recv_part),
                                   ROW(read_sysfs),        ROW(io_uring_wait),  {nullptr, nullptr}};
#undef ROW

} // namespace fixture
