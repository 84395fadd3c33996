// SPDX-License-Identifier: MIT
//
// What the kernel says a thread is doing, from /proc/PID/task/TID. This is how "blocked" is recognised: by
// state, never by the time that something takes on a busy machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nmisim::explore {

struct thread_state {
    int tid = 0;
    char letter = '?';           ///< R S D T t Z X, from stat; '?': the thread is gone
    long system_call = -1;       ///< -1: in user space, or not known
    std::uint64_t arg[6] = {};   ///< its arguments
    std::uintptr_t ip = 0;       ///< user instruction behind the system call; 0: running or not known
    std::uint64_t switches = 0;  ///< voluntary context switches
    bool child_may_wake = false; ///< waits for a signal, and the process has a child

    bool asleep() const noexcept { return letter == 'S' || letter == 'D'; }
    /// Asleep with no time-out: only another thread or a signal can wake it.
    bool asleep_for_ever() const noexcept;
    std::string in_words() const;
};

thread_state state_of(int pid, int tid);
std::vector<int> threads_of(int pid);

/// True when no thread of the process can run and nothing but a signal from outside could change that.
/// `quiet` is kept between calls; true only after the same picture was seen `looks` times in a row.
struct standstill {
    std::uint64_t switches = 0;
    unsigned seen = 0;
    bool look(int pid, unsigned looks);
};

} // namespace nmisim::explore
