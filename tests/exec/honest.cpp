// SPDX-License-Identifier: MIT
//
// Programs that take interruptions as they should, and those with habits that a tool could disturb by itself.
#include "fixtures.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

namespace fixture {

namespace {

volatile std::sig_atomic_t taken = 0;

/// The twin of short_copy: goes on until its block is whole.
int whole_copy(int, char**)
{
    constexpr std::size_t block = std::size_t{4} << 20;
    const int fd = open("/dev/zero", O_RDONLY);
    std::vector<char> to(block);
    bool whole = true;
    for (const double end = seconds() + long_enough; seconds() < end;) {
        std::size_t at = 0;
        while (at < block) {
            const ssize_t n = read(fd, to.data() + at, block - at);
            if (n > 0)
                at += static_cast<std::size_t>(n);
            else if (errno != EINTR)
                whole = false;
        }
    }
    say(whole ? "whole\n" : "short\n");
    return 0;
}

int sleeps_on(int, char**)
{
    sleep_on(long_enough);
    say("waited\n");
    return 0;
}

/// Reads what comes late from a pipe, while a timer of its own interrupts so often: `under_timer TICKS`.
int under_timer(int argc, char** argv)
{
    int ends[2];
    if (pipe(ends) != 0)
        return 98;
    if (fork() == 0) {
        sleep_on(0.3);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    struct sigaction mine {};
    mine.sa_handler = [](int) { taken = taken + 1; };
    mine.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &mine, nullptr);
    const itimerval often{{0, 20'000}, {0, argc > 0 && std::atoi(argv[0]) > 0 ? 20'000 : 0}};
    setitimer(ITIMER_REAL, &often, nullptr);
    char one = 0;
    const ssize_t n = read(ends[0], &one, 1);
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    say(n == 1 ? "read\n" : "nothing\n");
    return 0;
}

/// As much work as asked for, and no system call: `computes MILLIONS`.
int computes(int argc, char** argv)
{
    const long rounds = argc > 0 ? std::atol(argv[0]) * 1'000'000 : 0;
    for (long i = 0; i < rounds; ++i)
        asm volatile("" : : "r"(i));
    say("done\n");
    return 0;
}

int sleeps_long(int, char**)
{
    sleep_on(1e6);
    return 0;
}

/// What the register has behind the call that held the set before: compilers rely on it.
#if defined(__x86_64__)
const sigset_t* set_after_wait(const sigset_t* set)
{
    constexpr long rt_sigtimedwait_number = 128;
    constexpr long size = 8;
    const timespec none{0, 0};
    long result = rt_sigtimedwait_number;
    const sigset_t* after = set;
    register long fourth asm("r10") = size;
    asm volatile("syscall"
                 : "+a"(result), "+D"(after)
                 : "S"(nullptr), "d"(&none), "r"(fourth)
                 : "rcx", "r11", "memory");
    return after;
}
#else
const sigset_t* set_after_wait(const sigset_t* set)
{
    return set;
}
#endif

/// Waits for any signal, and gets none.
int sigwaiter(int, char**)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    const timespec most{0, static_cast<long>(long_enough * 1e9)};
    siginfo_t info{};
    const int got = sigtimedwait(&all, &info, &most);
    if (set_after_wait(&all) != &all)
        say("an argument that was changed\n");
    say(got > 0 ? "a signal that nobody sent\n" : errno == EAGAIN ? "none\n" : "interrupted\n");
    return 0;
}

int signalfd_reader(int, char**)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    const int fd = signalfd(-1, &all, SFD_NONBLOCK);
    sleep_on(long_enough);
    signalfd_siginfo info{};
    say(read(fd, &info, sizeof info) > 0 ? "a signal that nobody sent\n" : "none\n");
    return 0;
}

/// Has a handler for the signal that NMIs would have.
int same_signal(int, char**)
{
    struct sigaction mine {};
    mine.sa_handler = [](int) { taken = taken + 1; };
    for (int s = SIGRTMAX - 3; s >= SIGRTMAX - 4; --s)
        sigaction(s, &mine, nullptr);
    for (int i = 0; i < 10; ++i)
        std::raise(SIGRTMAX - 3 - i % 2);
    sleep_on(long_enough);
    char text[32];
    std::snprintf(text, sizeof text, "%d\n", static_cast<int>(taken));
    say(text);
    return 0;
}

/// The handlers of all signals are what they were set to, and nobody is told of another.
int reads_handlers(int, char**)
{
    for (int s = 1; s <= SIGRTMAX; ++s) {
        struct sigaction was {};
        was.sa_flags = 0x12345678;
        if (sigaction(s, nullptr, &was) == 0 && was.sa_handler != SIG_DFL && was.sa_handler != SIG_IGN)
            say("a handler that nobody set\n");
    }
    sleep_on(long_enough);
    return 0;
}

int prints_pid(int, char**)
{
    char text[32];
    std::snprintf(text, sizeof text, "%d\n", getpid());
    say(text);
    sleep_on(long_enough);
    return 0;
}

/// Does otherwise in one of its runs: `flaky FILE N`, where FILE counts them.
int flaky(int argc, char** argv)
{
    if (argc < 2)
        return 98;
    const int fd = open(argv[0], O_WRONLY | O_CREAT | O_APPEND, 0600);
    const bool one_more = write(fd, "x", 1) == 1;
    sleep_on(long_enough);
    say(one_more && lseek(fd, 0, SEEK_END) == std::atoi(argv[1]) ? "otherwise\n" : "as ever\n");
    return 0;
}

ucontext_t home;
ucontext_t guest;

void spin_on_small_stack()
{
    for (const double end = seconds() + long_enough; seconds() < end;) {
    }
    swapcontext(&guest, &home);
}

/// Computes on a stack too small for a signal's frame, and has an alternate one for signals.
int small_stack(int, char**)
{
    constexpr std::size_t page = 4096;
    constexpr std::size_t alternate = 65536;
    stack_t other{};
    other.ss_sp = std::malloc(alternate);
    other.ss_size = alternate;
    sigaltstack(&other, nullptr);
    auto* const memory =
        static_cast<char*>(mmap(nullptr, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory + page, page, PROT_READ | PROT_WRITE);
    seconds(); // binds what the small stack has no room to bind
    getcontext(&guest);
    guest.uc_stack.ss_sp = memory + page;
    guest.uc_stack.ss_size = page - 1500; // what is left above must not hold a frame either
    makecontext(&guest, spin_on_small_stack, 0);
    swapcontext(&home, &guest);
    say("done\n");
    return 0;
}

/// No signal, no file: an interrupted wait is waited for again, as it should be.
int epoll_waits(int, char**)
{
    const int fd = epoll_create1(0);
    epoll_event event{};
    for (const double end = seconds() + long_enough; seconds() < end;)
        if (epoll_wait(fd, &event, 1, 50) > 0)
            say("an event\n");
    return 0;
}

} // namespace

const entry honest[] = {{"whole_copy", whole_copy},
                        {"sleeps_on", sleeps_on},
                        {"under_timer", under_timer},
                        {"computes", computes},
                        {"sleeps_long", sleeps_long},
                        {"sigwaiter", sigwaiter},
                        {"signalfd_reader", signalfd_reader},
                        {"same_signal", same_signal},
                        {"reads_handlers", reads_handlers},
                        {"prints_pid", prints_pid},
                        {"flaky", flaky},
                        {"small_stack", small_stack},
                        {"epoll_waits", epoll_waits},
                        {nullptr, nullptr}};

} // namespace fixture
