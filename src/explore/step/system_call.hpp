// SPDX-License-Identifier: MIT
//
// System calls made on behalf of the window, from inside the trap handler. Needed for two reasons. A trap is
// lost at a system call: with TF set the CPU reports the instruction after the one that follows `syscall`, so the
// boundary right after the call would be skipped. And rt_sigprocmask must not block SIGTRAP (liburcu-bp and
// pthread_create block every signal): a trap while SIGTRAP is blocked kills the process.
#pragma once

#include "explore/step/arch.hpp"

namespace nmisim::explore {

/// False for calls that only work where they stand: those that return twice, never, or into another context.
bool can_be_made_elsewhere(long nr) noexcept;

/// It sleeps, with no time-out and nothing to wait for but a signal.
bool only_a_signal_ends(const arch::system_call& call) noexcept;

bool makes_thread_or_process(long nr) noexcept;
bool makes_process(const arch::system_call& call) noexcept;
/// The program that runs ends with it: an exec, the end of the process.
bool ends_image(long nr) noexcept;

/// The reason for which this call may put its thread to sleep, or nullptr.
const char* may_wait(const arch::system_call& call) noexcept;
/// True if only time would wake it.
bool waits_for_time(long nr) noexcept;

/// A sleep in this call, with these arguments, ends by another thread, process or signal, not by time.
bool sleeps_without_time_out(long nr, const std::uint64_t (&arg)[6]) noexcept;

/// Makes the call as if the program had. The signal mask that it sees and changes is the interrupted one.
void make_system_call(ucontext_t& at) noexcept;

/// "pause"; "system call" for one that <sys/syscall.h> did not know.
const char* name_of_system_call(long nr) noexcept;

} // namespace nmisim::explore
