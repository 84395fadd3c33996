// SPDX-License-Identifier: MIT
//
// The filter of the detached form, and what it tells us. Nobody traces the command, so calls that matter come to us as
// notifications (seccomp_unotify(2)): the thread waits in its call until we have answered.
//
//   execve, execveat                a program is about to be executed
//   rt_sigaction of our signal      as in guard.hpp: answered with success, and nothing is done
//   rt_sigtimedwait, signalfd       our signal is taken out of the set that the program waits for, in its own memory
//
// Once nobody listens, such calls fail with ENOSYS: a supervisor stays until the last process of the tree has ended.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

namespace nmisim::exec {

/// For a child before its execve. Async-signal-safe. The descriptor of the listener; -1: errno says why.
int install_notifying_filter(int signal) noexcept;

class listener {
public:
    /// Takes the descriptor over.
    explicit listener(int fd) noexcept : fd_(fd) {}
    ~listener();
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

    int descriptor() const noexcept { return fd_; }

    /// A call that waits for its answer. Nothing: none does. Does not wait itself.
    std::optional<seccomp_notif> next() noexcept;

    /// The thread makes the call.
    void let(const seccomp_notif& n) noexcept;
    /// It does not: the call returns `value`.
    void answer(const seccomp_notif& n, std::int64_t value) noexcept;
    /// It returns a descriptor of the thread's for our `fd`.
    void answer_with_descriptor(const seccomp_notif& n, int fd) noexcept;

    /// The call that this thread makes next, or is in. Others are kept for next(). Nothing: it has stopped or ended instead.
    std::optional<seccomp_notif> next_of(pid_t tid) noexcept;

private:
    std::optional<seccomp_notif> receive(int wait_ms) noexcept;

    int fd_;
    std::deque<seccomp_notif> kept_;
};

/// Answers a call that is not about an exec. `own_handler` is set where the program wants one for our signal.
void guard_notified_call(listener& l, const seccomp_notif& n, int signal, bool& own_handler) noexcept;

} // namespace nmisim::exec
