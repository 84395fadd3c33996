// SPDX-License-Identifier: MIT
//
// Programs with signal handlers of their own: `NAME` sends itself SIGUSR1; with the argument `waits` it does not, and
// makes system calls for a while; with `computes` it makes none.
#include "fixtures.hpp"

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(std::size_t size);
int _IO_puts(const char* text);
void* je_malloc(std::size_t size) noexcept;
__attribute__((noinline)) void* je_malloc(std::size_t size) noexcept
{
    return reinterpret_cast<void*>(size);
}
volatile int torn_pair[2];
void torn_work(int rounds);
__attribute__((noinline)) void torn_work(int rounds)
{
    for (int i = 0; i < rounds; ++i) {
        torn_pair[0] = i;
        torn_pair[1] = i;
    }
}
__attribute__((alias("je_malloc"))) void* harmless(std::size_t size) noexcept;
__attribute__((alias("je_malloc"))) void* harmless_too(std::size_t size) noexcept;
}

namespace fixture {

namespace {

volatile std::sig_atomic_t handled = 0;
sigjmp_buf before;

void install(int signal, void (*handler)(int), int flags = 0)
{
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(signal, &action, nullptr);
}

int raise_or_wait(int argc, char** argv)
{
    const bool waits = argc > 0 && std::strcmp(argv[0], "waits") == 0;
    const bool computes = argc > 0 && std::strcmp(argv[0], "computes") == 0;
    if (!waits && !computes)
        std::raise(SIGUSR1);
    for (const double end = seconds() + 2; (waits || computes) && handled == 0 && seconds() < end;)
        if (waits)
            getppid();
    say(handled != 0 ? "handled\n" : "not handled\n");
    return 0;
}

__attribute__((noinline)) void keep(void* p)
{
    asm volatile("" : : "r"(p) : "memory");
}

__attribute__((noinline)) void log_it()
{
    void* const text = std::malloc(100);
    keep(text);
    std::free(text);
}

void mallocs(int)
{
    log_it();
    handled = 1;
}

void takes_long(int)
{
    for (int i = 0; i < 2'000; ++i)
        keep(&i);
    handled = 1;
}

void mallocs_by_alias(int)
{
    keep(__libc_malloc(100));
    handled = 1;
}

void mallocs_by_own_alias(int)
{
    keep(harmless(100));
    handled = 1;
}

void puts_by_alias(int)
{
    _IO_puts("handled");
    handled = 1;
}

void sets_errno(int)
{
    handled = 1;
    if (write(-1, "x", 1) == 1)
        abort();
}

void keeps_errno(int)
{
    const int saved = errno;
    if (write(-1, "x", 1) == 1)
        abort();
    handled = 1;
    errno = saved;
}

void jumps(int)
{
    handled = 1;
    errno = EBADF; // nobody who was interrupted reads it
    siglongjmp(before, 1);
}

void exits(int)
{
    say("handled\n");
    _exit(0);
}

/// Is interrupted by another handler, at an instruction of its own.
void interrupted_by_trap(int)
{
    asm volatile("int3");
    handled = 1;
}

__attribute__((noinline)) void uses_stack(int)
{
    volatile char room[8000];
    room[0] = 1;
    handled = room[0];
}

volatile int rounds = 2;
volatile int torn = 0;

void looks_at_pair(int)
{
    torn = torn_pair[0] != torn_pair[1] ? 1 : torn;
}

void looks_at_nothing(int) {}

/// The second round writes two words one after the other; in the first they are what they were. So many rounds: `NAME ROUNDS`.
template <void (*handler)(int)>
int with_torn_pair(int argc, char** argv)
{
    rounds = argc > 0 ? std::atoi(argv[0]) : rounds;
    install(SIGUSR1, handler);
    torn_work(rounds);
    say(torn != 0 ? "torn\n" : "whole\n");
    return 0;
}

/// A child that was forked before runs the function as well, and is not to notice that somebody waits for it there.
int torn_pair_child(int argc, char** argv)
{
    if (fork() == 0) {
        torn_work(rounds);
        _exit(7);
    }
    int status = 0;
    while (waitpid(-1, &status, 0) < 0 && errno == EINTR) {
    }
    say(WIFEXITED(status) && WEXITSTATUS(status) == 7 ? "child well\n" : "child ill\n");
    return with_torn_pair<looks_at_nothing>(argc, argv);
}

/// Is there before the handler is.
int no_handler_yet(int, char**)
{
    torn_work(rounds);
    install(SIGUSR1, looks_at_pair);
    say("done\n");
    return 0;
}

/// The signal waits until behind the function.
int torn_pair_blocked(int argc, char** argv)
{
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, nullptr);
    return with_torn_pair<looks_at_pair>(argc, argv);
}

template <void (*handler)(int)>
int with_handler(int argc, char** argv)
{
    install(SIGUSR1, handler);
    return raise_or_wait(argc, argv);
}

int handler_jumps(int, char**)
{
    install(SIGUSR1, jumps);
    if (sigsetjmp(before, 1) == 0)
        std::raise(SIGUSR1);
    for (int i = 0; i < 10'000; ++i) // none of it is the handler's
        keep(&i);
    say("done\n");
    return 0;
}

/// The same from an alternate stack that lies above the interrupted one.
int handler_jumps_in_thread(int, char**)
{
    char stack[1 << 16];
    std::thread([&stack] {
        stack_t other{};
        other.ss_size = sizeof stack;
        other.ss_sp = stack;
        sigaltstack(&other, nullptr);
        install(SIGUSR1, jumps, SA_ONSTACK);
        if (sigsetjmp(before, 1) == 0)
            pthread_kill(pthread_self(), SIGUSR1);
        for (int i = 0; i < 10'000; ++i)
            keep(&i);
        other.ss_flags = SS_DISABLE;
        sigaltstack(&other, nullptr);
    }).join();
    say("done\n");
    return 0;
}

int handler_nested(int argc, char** argv)
{
    install(SIGUSR1, interrupted_by_trap);
    install(SIGTRAP, mallocs);
    return raise_or_wait(argc, argv);
}

int handler_on_stack(int argc, char** argv)
{
    stack_t stack{};
    stack.ss_size = 1 << 16;
    stack.ss_sp = std::malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
    install(SIGUSR1, uses_stack, SA_ONSTACK);
    return raise_or_wait(argc, argv);
}

/// Nobody sends the signals that these are for.
int handler_never(int, char**)
{
    install(SIGUSR1, mallocs);
    install(SIGTERM, keeps_errno);
    say("done\n");
    return 0;
}

/// One that ran, and one that did not.
int handler_one_of_two(int argc, char** argv)
{
    install(SIGTERM, mallocs);
    install(SIGUSR1, keeps_errno);
    return raise_or_wait(argc, argv);
}

/// A child that has it from its parent, and sends the signal to itself.
int handler_in_child(int argc, char** argv)
{
    install(SIGUSR1, mallocs);
    if (fork() == 0)
        _exit(raise_or_wait(argc, argv));
    int status = 0;
    while (waitpid(-1, &status, 0) < 0 && errno == EINTR) {
    }
    return WEXITSTATUS(status);
}

int handler_often(int, char**)
{
    install(SIGUSR1, uses_stack);
    for (int i = 0; i < 50; ++i)
        std::raise(SIGUSR1);
    say("done\n");
    return 0;
}

} // namespace

const entry handlers[] = {{"handler_mallocs", with_handler<mallocs>},
                          {"handler_mallocs_by_alias", with_handler<mallocs_by_alias>},
                          {"handler_mallocs_by_own_alias", with_handler<mallocs_by_own_alias>},
                          {"handler_puts_by_alias", with_handler<puts_by_alias>},
                          {"handler_takes_long", with_handler<takes_long>},
                          {"handler_sets_errno", with_handler<sets_errno>},
                          {"handler_keeps_errno", with_handler<keeps_errno>},
                          {"handler_jumps", handler_jumps},
                          {"handler_jumps_in_thread", handler_jumps_in_thread},
                          {"handler_exits", with_handler<exits>},
                          {"handler_nested", handler_nested},
                          {"handler_on_stack", handler_on_stack},
                          {"torn_pair", with_torn_pair<looks_at_pair>},
                          {"torn_pair_unseen", with_torn_pair<looks_at_nothing>},
                          {"torn_pair_blocked", torn_pair_blocked},
                          {"torn_pair_child", torn_pair_child},
                          {"no_handler_yet", no_handler_yet},
                          {"handler_never", handler_never},
                          {"handler_one_of_two", handler_one_of_two},
                          {"handler_in_child", handler_in_child},
                          {"handler_often", handler_often},
                          {nullptr, nullptr}};

} // namespace fixture
