// SPDX-License-Identifier: MIT
//
// What a wait for a program's next stop can end with: a child that has changed, a signal that asks us to stop, or time.
// The signals are blocked and taken by sigtimedwait(2), so that none comes between a look and the wait.
#pragma once

#include <csignal>
#include <cstdint>

namespace nmisim::exec {

class wake_ups {
public:
    /// Blocks SIGCHLD, SIGINT, SIGTERM and SIGHUP, the last unless it is ignored (nohup). Context: control, one at a time,
    /// before any thread is created.
    wake_ups();
    ~wake_ups();
    wake_ups(const wake_ups&) = delete;
    wake_ups& operator=(const wake_ups&) = delete;

    /// At most until `until_ns` (now_ns()).
    void wait(std::uint64_t until_ns) noexcept;
    /// The signal that asked to stop; 0: none has. Behind the first, they have their default action again.
    int stop_signal() const noexcept { return stop_signal_; }
    /// What a command starts with.
    const sigset_t& mask_before() const noexcept { return before_; }

private:
    sigset_t taken_{};
    sigset_t before_{};
    int stop_signal_ = 0;
};

/// A signal that asks us to stop has come, and is not taken yet.
bool stop_signal_waits() noexcept;

} // namespace nmisim::exec
