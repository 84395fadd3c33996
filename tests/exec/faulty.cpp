// SPDX-License-Identifier: MIT
//
// Programs that take an interruption for something else.
#include "fixtures.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fixture {

namespace {

constexpr std::size_t block = std::size_t{4} << 20;

/// Copies blocks from a device and believes that each read is whole, as dd does.
__attribute__((noinline)) bool read_block(int fd, char* to)
{
    return read(fd, to, block) == static_cast<ssize_t>(block);
}

int short_copy(int, char**)
{
    const int fd = open("/dev/zero", O_RDONLY);
    std::vector<char> to(block);
    bool whole = true;
    for (const double end = seconds() + long_enough; seconds() < end;)
        whole = read_block(fd, to.data()) && whole;
    say(whole ? "whole\n" : "short\n");
    return 0;
}

/// The same, for so many blocks.
int copy_blocks(int argc, char** argv)
{
    const int fd = open("/dev/zero", O_RDONLY);
    std::vector<char> to(block);
    bool whole = true;
    for (int i = argc > 0 ? std::atoi(argv[0]) : 0; i > 0; --i)
        whole = read_block(fd, to.data()) && whole;
    say(whole ? "whole\n" : "short\n");
    return 0;
}

/// Until the parent sleeps; false: it has ended.
bool parent_sleeps()
{
    const pid_t parent = getppid();
    const std::string path = "/proc/" + std::to_string(parent) + "/stat";
    char state = 0;
    while (state != 'S' && getppid() == parent) {
        sleep_on(0.001);
        const int fd = open(path.c_str(), O_RDONLY);
        char text[64]{};
        const char* const name_end = read(fd, text, sizeof text - 1) > 0 ? std::strrchr(text, ')') : nullptr;
        close(fd);
        state = name_end != nullptr ? name_end[2] : 'Z';
        if (state == 'Z')
            return false;
    }
    return state == 'S';
}

/// Waits twice, for time or for a pipe: it fails if one of them is cut short, not if both are: `one_of_two naps|reads`.
int one_of_two(int argc, char** argv)
{
    const bool reads = argc > 0 && std::strcmp(argv[0], "reads") == 0;
    int ends[2];
    if (pipe(ends) != 0)
        return 98;
    if (reads && fork() == 0) {
        while (parent_sleeps() && write(ends[1], "x", 1) == 1) {
        }
        _exit(0);
    }
    bool whole[2] = {false, false};
    for (bool& one : whole) {
        const timespec nap{0, 20'000'000};
        char byte = 0;
        one = reads ? read(ends[0], &byte, 1) == 1 : nanosleep(&nap, nullptr) == 0;
    }
    say(whole[0] == whole[1] ? "even\n" : "odd\n");
    return 0;
}

/// Waits for a child that ends soon, but not before a busy machine gets to the wait. Takes an interrupted wait for a failed child.
int waits_briefly(int, char**)
{
    const pid_t child = fork();
    if (child == 0) {
        sleep_on(0.1);
        _exit(0);
    }
    int status = 0;
    say(waitpid(child, &status, 0) == child ? "ended\n" : "failed to get exit status\n");
    return 0;
}

/// An interrupted poll is an error to it, as to tail -f.
int poll_exits(int, char**)
{
    if (poll(nullptr, 0, static_cast<int>(long_enough * 1000)) >= 0)
        return 0;
    say("poll failed\n");
    return 1;
}

/// Waits by the sum of the naps that it asked for, as sqlite's busy handler does.
int naive_timeout(int, char**)
{
    constexpr int naps = 10;
    constexpr double nap_seconds =
        0.25; // so long that a loaded machine does not make up for those that are cut short
    const double start = seconds();
    for (int i = 0; i < naps; ++i) {
        const timespec nap{0, static_cast<long>(nap_seconds * 1e9)};
        nanosleep(&nap, nullptr);
    }
    say(seconds() - start < naps * nap_seconds ? "gave up early\n" : "waited\n");
    return 0;
}

int early_sleep(int, char**)
{
    const timespec nap{0, static_cast<long>(long_enough * 1e9)};
    if (nanosleep(&nap, nullptr) != 0)
        say("woke up early\n");
    return 0;
}

/// An interrupted waitpid is a failed child to it, as to gcc: without SA_RESTART alone.
int wait_fails(int, char**)
{
    const pid_t child = fork();
    if (child == 0) {
        sleep_on(long_enough);
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        say("failed to get exit status\n");
    return 0;
}

/// Ends itself when it is interrupted often.
int dies(int, char**)
{
    for (const double end = seconds() + long_enough; seconds() < end;) {
        const timespec nap{0, 20'000'000};
        if (nanosleep(&nap, nullptr) != 0)
            abort();
    }
    return 0;
}

/// Waits for ever when a wait was cut short.
int hangs(int, char**)
{
    const timespec nap{0, static_cast<long>(long_enough * 1e9)};
    if (nanosleep(&nap, nullptr) != 0)
        sleep_on(1e6);
    return 0;
}

/// Leaves half of its file, which its output does not tell.
int half_file(int argc, char** argv)
{
    if (argc < 1)
        return 98;
    const timespec nap{0, static_cast<long>(long_enough * 1e9)};
    const bool whole = nanosleep(&nap, nullptr) == 0;
    const int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return write(fd, "content", whole ? 7 : 3) > 0 ? 0 : 97;
}

} // namespace

const entry faulty[] = {{"short_copy", short_copy},
                        {"copy_blocks", copy_blocks},
                        {"one_of_two", one_of_two},
                        {"waits_briefly", waits_briefly},
                        {"poll_exits", poll_exits},
                        {"naive_timeout", naive_timeout},
                        {"early_sleep", early_sleep},
                        {"wait_fails", wait_fails},
                        {"dies", dies},
                        {"hangs", hangs},
                        {"half_file", half_file},
                        {nullptr, nullptr}};

} // namespace fixture
