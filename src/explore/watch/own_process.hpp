// SPDX-License-Identifier: MIT
//
// A run in a fork of the child: what it leaves in memory is gone when the next one begins. Context: control, in a child
// process with one thread.
#pragma once

#include "explore/step/stepper.hpp"
#include "explore/watch/explored_signal.hpp"

#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::explore {

[[noreturn]] inline void end_like(int status)
{
    if (WIFSIGNALED(status)) {
        std::signal(WTERMSIG(status), SIG_DFL);
        change_mask(SIG_UNBLOCK, WTERMSIG(status));
        kill(getpid(), WTERMSIG(status));
    }
    _exit(WEXITSTATUS(status));
}

/// Does `run`, here or in a fork. The parent watches this process only, so a fork's bad end is then its end too.
/// `done`: that the run has come to its end, and not to an exit with code 0.
template <class Run, class Done>
void in_its_process(bool fork_it, std::optional<stepped_thread>& self, const Run& run, const Done& done)
{
    if (!fork_it)
        return run();
    const pid_t pid = fork();
    if (pid < 0)
        throw std::system_error(errno, std::generic_category(), "fork of a run");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (self) { // it is bound to a thread of the other process
            self.reset();
            self.emplace();
        }
        run();
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0 || !done())
        end_like(status);
}

} // namespace nmisim::explore
