// SPDX-License-Identifier: MIT
//
// What a system call does to memory, for the other thread of a map. `syscall` itself is no fence in the architecture, but
// nearly each call takes a lock, which is one: so all empty the caller's store buffer, but for a few that touch nothing.
#pragma once

#include "explore/memory/accesses.hpp"

namespace nmisim::explore {

struct call_accesses {
    bool known = true;           ///< false: what the kernel reads and writes for it is not known here
    bool empties_buffer = true;  ///< the caller's
    bool empties_all = false;    ///< those of all threads: membarrier(2)
    bool touches_kernel = false; ///< something that both threads' calls may touch: a futex's queue, a file
    byte_range read{};           ///< bytes of the program that the kernel reads; at 0: none
    byte_range written{};
};
/// Context: any, also the trap handler.
call_accesses accesses_of(const arch::system_call& call) noexcept;

} // namespace nmisim::explore
