// SPDX-License-Identifier: MIT
//
// Programs that are more than one thread.
#include "fixtures.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace fixture {

namespace {

constexpr double long_enough = 0.5;

int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

void tell(const char* what, int value)
{
    char text[64];
    std::snprintf(text, sizeof text, "%s %d\n", what, value);
    say(text);
}

__attribute__((noinline)) pid_t vfork_true()
{
    const pid_t child = vfork();
    if (child == 0) {
        for (int s = 1; s <= SIGRTMAX; ++s)
            signal(s, SIG_DFL);
        execl("/bin/true", "true", nullptr);
        _exit(1);
    }
    return child;
}

/// Executes another program the way python, git and make do: the child resets every handler first, and takes its time.
int spawner(int, char** /*argv*/)
{
    int failed = 0;
    for (const double end = seconds() + long_enough; seconds() < end;) {
        char name[] = "/bin/true";
        char* const words[] = {name, nullptr};
        pid_t child = fork();
        if (child == 0) {
            for (int s = 1; s <= SIGRTMAX; ++s)
                signal(s, SIG_DFL);
            for (const double until = seconds() + 0.02; seconds() < until;) {
            }
            execv(name, words);
            _exit(1);
        }
        failed += wait_for(child) != 0 ? 1 : 0;
        child = vfork_true();
        failed += wait_for(child) != 0 ? 1 : 0;
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        sigset_t all;
        sigfillset(&all);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        failed += posix_spawn(&child, name, nullptr, &attributes, words, environ) != 0 || wait_for(child) != 0
                      ? 1
                      : 0;
        posix_spawnattr_destroy(&attributes);
    }
    tell("failed", failed);
    return 0;
}

int forks(int argc, char** argv)
{
    int failed = 0;
    for (int i = argc > 0 ? std::atoi(argv[0]) : 300; i > 0; --i) {
        const pid_t child = fork();
        if (child == 0)
            _exit(0);
        failed += child < 0 || wait_for(child) != 0 ? 1 : 0;
    }
    tell("failed", failed);
    return 0;
}

int threads(int, char**)
{
    int rounds = 0;
    for (const double end = seconds() + long_enough; seconds() < end; rounds = 1) {
        std::vector<std::thread> all;
        for (int i = 0; i < 4; ++i)
            all.emplace_back([] { sleep_on(0.01); });
        for (std::thread& t : all)
            t.join();
    }
    tell("rounds", rounds);
    return 0;
}

/// Leaves a process behind that would not end.
int daemon_left_behind(int, char**)
{
    if (fork() == 0) {
        setsid();
        sleep_on(1e6);
    }
    sleep_on(long_enough);
    say("gone\n");
    return 0;
}

/// Traces a child of its own, which can have one tracer alone.
int tracer(int, char**)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    tell("traced", wait_for(child));
    sleep_on(long_enough);
    return 0;
}

/// A program that is looked for in places where it is not.
int path_search(int, char**)
{
    setenv("PATH", "/nowhere:/nor/here:/usr/bin:/bin", 1);
    for (const double end = seconds() + long_enough; seconds() < end;) {
        const pid_t child = fork();
        if (child == 0) {
            execlp("no-such-program-anywhere", "no-such-program-anywhere", nullptr);
            execlp("true", "true", nullptr);
            _exit(1);
        }
        if (wait_for(child) != 0)
            say("failed\n");
    }
    return 0;
}

/// Another thread than the first executes a program.
int exec_by_thread(int, char**)
{
    std::thread([] { execlp("sh", "sh", "-c", "sleep 0.3; echo executed", nullptr); }).join();
    say("failed\n");
    return 1;
}

/// Stops and goes on, and its parent sees both.
int stops(int, char**)
{
    auto* const went_on = static_cast<volatile int*>(
        mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t child = fork();
    if (child == 0) {
        std::raise(SIGSTOP);
        *went_on = 1;
        sleep_on(long_enough);
        _exit(7);
    }
    int status = 0;
    while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
    say(WIFSTOPPED(status) ? "stopped\n" : "not stopped\n");
    sleep_on(0.2);
    say(*went_on == 0 ? "and stays so\n" : "and goes on by itself\n");
    kill(child, SIGCONT);
    while (waitpid(child, &status, WCONTINUED) < 0 && errno == EINTR) {
    }
    say(WIFCONTINUED(status) ? "continued\n" : "not continued\n");
    tell("status", WEXITSTATUS(wait_for(child)));
    return 0;
}

/// A TERM that comes around an exec kills whoever executes.
int term_at_exec(int, char**)
{
    int survived = 0;
    for (int i = 0; i < 60; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            execlp("sleep", "sleep", "1000000", nullptr);
            _exit(1);
        }
        for (const double until = seconds() + 0.0002 * i; seconds() < until;) {
        }
        kill(child, SIGTERM);
        survived += WTERMSIG(wait_for(child)) == SIGTERM ? 0 : 1;
    }
    tell("survived", survived);
    return 0;
}

} // namespace

const entry trees[] = {{"spawner", spawner},
                       {"forks", forks},
                       {"threads", threads},
                       {"daemon_left_behind", daemon_left_behind},
                       {"tracer", tracer},
                       {"path_search", path_search},
                       {"exec_by_thread", exec_by_thread},
                       {"stops", stops},
                       {"term_at_exec", term_at_exec},
                       {nullptr, nullptr}};

} // namespace fixture
