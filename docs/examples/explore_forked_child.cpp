// SPDX-License-Identifier: MIT
//
// A handler in a forked child. Until its exec the child has its parent's handlers and its parent's descriptors: a signal
// that is meant for the whole group comes there, too, and the handler tells the parent's main loop, by the pipe that both
// have, of something that did not happen to it. A child that blocks signals from before the fork to its exec is clean.
//
// Exit code: 0 if exactly this was measured, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace explore = nmisim::explore;

static int self_pipe[2];

static void tell_main_loop()
{
    static_cast<void>(!write(self_pipe[1], "x", 1));
}

static bool main_loop_was_told()
{
    char c = 0;
    return read(self_pipe[0], &c, 1) == 1;
}

static void run_true()
{
    const pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", nullptr);
        _exit(127);
    }
    waitpid(child, nullptr, 0);
}

static void run_true_blocked()
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    run_true();
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

static explore::sweep_report explore_child(const char* name, explore::function run)
{
    return explore::sweep({.name = name,
                           .setup = [] { static_cast<void>(!pipe2(self_pipe, O_NONBLOCK | O_CLOEXEC)); },
                           .window = run,
                           .nmi = tell_main_loop,
                           .broken = [] { return main_loop_was_told() ? "the child's signal" : nullptr; },
                           .forked_child = true});
}

int main()
{
    const explore::sweep_report open = explore_child("open", run_true);
    const explore::sweep_report blocked = explore_child("blocked", run_true_blocked);
    std::fputs((to_text(open) + to_text(blocked)).c_str(), stdout);
    if (!open.absent.empty())
        return 77;
    return exit_code(open) == 3 && exit_code(blocked) == 0 ? 0 : 1;
}
