// SPDX-License-Identifier: MIT
//
// Runs a piece of a test in a child process with an alarm: signal dispositions and stuck threads affect the whole
// process, and a test that hangs must end. The child reports what it saw as text; the parent asserts.
#pragma once

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::test {

struct child_result {
    bool exited = false; ///< by itself, not by a signal
    int code = -1;       ///< exit code, or the signal that ended it
    std::string text;
};

/// Calls `body`, which returns a std::string, in a child that lives for at most `seconds`.
template <class Body>
child_result in_child(unsigned seconds, Body body)
{
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0)
        return {};
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(seconds);
        std::string text;
        int code = 0;
        try {
            text = body();
        } catch (const std::exception& e) {
            text = std::string("exception: ") + e.what();
            code = 99;
        }
        if (write(pipe_fds[1], text.data(), text.size()) < 0)
            code = 98;
        _exit(code); // no destructors: a stuck vCPU's thread may be left behind
    }
    close(pipe_fds[1]);
    child_result result;
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
        result.text.append(buffer, static_cast<std::size_t>(n));
    close(pipe_fds[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    result.exited = WIFEXITED(status);
    result.code = result.exited ? WEXITSTATUS(status) : WTERMSIG(status);
    return result;
}

} // namespace nmisim::test
