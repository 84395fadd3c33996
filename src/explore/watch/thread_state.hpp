// SPDX-License-Identifier: MIT
//
// What the kernel says a thread is doing, from /proc/PID/task/TID. A blocked thread is recognised by this state, never
// by the time that something takes on a busy machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nmisim::explore {

struct thread_state {
    char letter = '?';            ///< R S D T t Z X, from stat; '?': the thread is gone
    long system_call = -1;        ///< -1: in user space, or not known
    std::uint64_t arg[6] = {};    ///< its arguments
    std::uintptr_t ip = 0;        ///< user instruction after the system call; 0: running or not known
    std::uint64_t switches = 0;   ///< voluntary context switches
    bool others_may_wake = false; ///< a clock, or a process that is not a descendant

    bool asleep() const noexcept { return letter == 'S' || letter == 'D'; }
    bool runs() const noexcept { return letter == 'R'; }
    bool ended() const noexcept { return letter == '?' || letter == 'Z' || letter == 'X'; }
    /// Asleep with no time-out: only another thread of the process, or a
    /// descendant, can wake it.
    bool asleep_for_ever() const noexcept;
    std::string in_words() const;
};

thread_state state_of(int pid, int tid);
std::vector<int> threads_of(int pid);
/// The calling process has one thread. False also where nothing is known. Neither malloc nor another function of libc is called: explored
/// code may be the first to call them.
bool is_alone() noexcept;
/// The process, its children, and theirs.
std::vector<int> family_of(int pid);

enum class activity : std::uint8_t {
    running,  ///< a thread runs, or waits for a processor; or nothing is known
    asleep,   ///< no thread does; time, or somebody from outside, may wake one
    for_ever, ///< as before, and nobody who is left can wake one: the same
              ///< picture several times in a row
};

/// Looks at every thread of a process and of its descendants. What it saw is
/// kept between calls.
struct standstill {
    std::uint64_t switches = 0;
    unsigned seen = 0;
    /// `looks`: how many times in a row. `helper`: a process that acts on this one; 0: none.
    activity look(int pid, unsigned looks, int helper = 0);
};

} // namespace nmisim::explore
