// SPDX-License-Identifier: MIT
//
// Ways to be born and to become another program.
#include "fixtures.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fixture {

namespace {

/// As newer C libraries spawn: the kernel resets the child's handlers, nobody calls sigaction.
int clears_handlers(int, char**)
{
    constexpr std::uint64_t clear_sighand = 0x100000000;
    int failed = 0;
    for (const double end = seconds() + long_enough; seconds() < end;) {
        clone_args how{};
        how.flags = clear_sighand;
        how.exit_signal = SIGCHLD;
        const auto child = static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
        if (child == 0) {
            for (const double until = seconds() + 0.03; seconds() < until;) {
            }
            _exit(0);
        }
        failed += child < 0 || wait_for(child) != 0 ? 1 : 0;
    }
    say(failed == 0 ? "none failed\n" : "failed\n");
    return 0;
}

/// busybox's timeout: the child of a vfork forks, and its child lives on without an exec.
__attribute__((noinline)) void vfork_and_fork()
{
    if (vfork() == 0) {
        if (fork() == 0) {
            sleep_on(long_enough);
            _exit(0);
        }
        _exit(0);
    }
}

int fork_in_vfork(int, char**)
{
    int ends[2];
    if (pipe(ends) != 0)
        return 98;
    vfork_and_fork();
    close(ends[1]);
    char none = 0;
    while (read(ends[0], &none, 1) < 0 && errno == EINTR) {
    }
    say("ended\n");
    return 0;
}

/// So many programs one after the other in one process; the last one sleeps.
int executes_itself(int argc, char** argv)
{
    const int left = argc > 0 ? std::atoi(argv[0]) : 0;
    if (left > 0) {
        char number[16];
        std::snprintf(number, sizeof number, "%d", left - 1);
        execl("/proc/self/exe", "exec-fixture", "executes_itself", number, nullptr);
        return 98;
    }
    sleep_on(long_enough);
    say("the last one\n");
    return 0;
}

/// Hides its memory from all but root.
int not_dumpable(int, char**)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "sleep 0.2", nullptr);
        _exit(1);
    }
    sleep_on(long_enough);
    say(wait_for(child) == 0 ? "done\n" : "failed\n");
    return 0;
}

} // namespace

const entry births[] = {{"clears_handlers", clears_handlers},
                        {"fork_in_vfork", fork_in_vfork},
                        {"executes_itself", executes_itself},
                        {"not_dumpable", not_dumpable},
                        {nullptr, nullptr}};

} // namespace fixture
