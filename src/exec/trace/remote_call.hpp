// SPDX-License-Identifier: MIT
//
// System calls made in the name of a traced thread, wherever it is stopped in its own code, or at the exit of its execve: its
// next instruction is then the first of the loader, or of a static program. A system call instruction is written there and run,
// then all is put back. Signals that arrive meanwhile stay pending: the mask is full while it lasts, and what cannot be
// masked (SIGSTOP) is sent again behind it. So no signal is lost, and none runs a handler in between.
//
// Where the program has the handler of ours, such an instruction lies beside it (stub::gate). Then nothing is written, and a call
// is one step.
#pragma once

#include "exec/trace/stop.hpp"
#include "exec/trace/task.hpp"

#include <functional>
#include <vector>

namespace nmisim::exec {

class remote_calls {
public:
    /// Where that fails, so does each call.
    remote_calls(pid_t process, pid_t tid);
    /// By the instruction in the stub, or not at all.
    explicit remote_calls(const task& t);
    /// For a child that one of these calls has borne, at its first stop: behind its calls it goes on as the thread will.
    remote_calls(pid_t child, const remote_calls& parent);
    ~remote_calls();
    remote_calls(const remote_calls&) = delete;
    remote_calls& operator=(const remote_calls&) = delete;

    /// The signals that the thread blocks, the first in the lowest bit.
    std::uint64_t mask() const noexcept { return mask_; }
    /// Where the thread goes on.
    std::uintptr_t place() const noexcept { return interrupted_by(before_).ip; }
    /// By the last call that bore one.
    pid_t born() const noexcept { return born_; }

    /// What is done while the thread is in a call, where that waits for us.
    using meanwhile = std::function<void()>;
    /// What the kernel returns: below 0 is -errno. The thread may end in it; then ended() tells. A signal that asks us to stop
    /// ends the wait for it: whoever takes that signal ends the process.
    long call(long nr, const std::array<std::uint64_t, 6>& arg, const meanwhile& under_way = {});

    /// The thread has ended meanwhile (SIGKILL), with this status of waitpid.
    bool ended() const noexcept { return ended_; }
    int status() const noexcept { return status_; }

private:
    void hold(std::uint64_t open) noexcept;
    bool next_stop();
    bool run_to(stop_kind to, const meanwhile& under_way = {});

    pid_t process_;
    pid_t tid_;
    std::uintptr_t gate_ = 0; ///< 0: an instruction is written where it is stopped
    saved_registers before_{};
    std::uint64_t mask_ = 0;
    std::vector<std::uint64_t> code_; ///< what was there
    std::vector<int> late_;           ///< signals to send again
    pid_t born_ = 0;
    bool held_ = false; ///< its registers and mask are to be put back
    bool ok_ = false;
    bool ended_ = false;
    int status_ = 0;
};

/// Of a stopped thread; whether it was in it.
bool take_out_of_mask(pid_t tid, int signal) noexcept;

} // namespace nmisim::exec
