// SPDX-License-Identifier: MIT
//
// What the filter of the detached form tells us. Nobody traces the command, so calls that matter come to us as notifications
// (seccomp_unotify(2)): the thread waits in its call until we have answered. They are those of guard.hpp, and
//
//   execve, execveat                a program is about to be executed
//
// Once nobody listens, such calls fail with ENOSYS: a supervisor stays until the last process of the tree has ended.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

namespace nmisim::exec {

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

} // namespace nmisim::exec
