// SPDX-License-Identifier: MIT
//
// Why a traced thread has stopped, from the status that waitpid(2) gave. Entry and exit of a system call are asked of the
// kernel (PTRACE_GET_SYSCALL_INFO), never counted: the exit stop of an execve has no entry before it, and a flag that is
// turned over at each stop would be wrong for the rest of the run.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace nmisim::exec {

enum class stop_kind {
    ended,      ///< exited or killed
    signal,     ///< a signal is about to be delivered; nothing is until the thread is resumed with it
    group_stop, ///< SIGSTOP and its like have stopped the process, as they may
    trap,       ///< an attached thread's first stop, or one that was asked for
    call_entry,
    call_exit,
    guarded_call, ///< a call that the filter passes to us
    exec,
    birth, ///< of a process or thread, by fork, vfork or clone
    other,
};

struct stop {
    stop_kind kind;
    int signal = 0;            ///< of `signal`
    unsigned long message = 0; ///< of exec: its thread before; of a birth: who is born
};

stop stop_of(pid_t tid, int status) noexcept;

/// Why a SIGTRAP is about to be delivered.
enum class trap { step, breakpoint, none };
trap trap_of(pid_t tid) noexcept;

/// The signal that the thread has stopped with becomes this one, as tgkill(2) from us sends it; it is resumed with it then.
void put_in_place(pid_t tid, int signal) noexcept;

/// Of the system call that the thread stopped at: AUDIT_ARCH_..., 0 where unknown.
std::uint32_t arch_of_call(pid_t tid) noexcept;

} // namespace nmisim::exec
