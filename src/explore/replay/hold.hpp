// SPDX-License-Identifier: MIT
//
// A replayed run that is held, so that a debugger can be attached. A first run counts the contexts as they begin; the second
// one is held before the last of them at which two threads are inside their code, or else before the last one.
//
//   free -> held       the run has come there, and waits
//   held -> released   the parent has told somebody, and it may go on
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim::explore {

/// In memory shared by the explored process and the parent that watches it.
struct hold_order {
    std::atomic<std::uint32_t> state;
    std::atomic<std::uint32_t> contexts; ///< begun in this run
    std::uint32_t with_two; ///< the last of them that began with two threads inside their code; 0: none
    std::uint32_t before;   ///< hold before the context of this number, counted from 1; 0: nowhere
    int pid;

    /// Where to hold the next run, by what this one was. Context: the parent, after the end of the explored process.
    std::uint32_t best() const noexcept;
    bool is_held() const noexcept;
    void release() noexcept;
};

/// What holds this process; nullptr: nothing. A run begins. Context: the explored process.
void run_begins(hold_order* order) noexcept;
/// A thread is about to go on. Context: the explored process, also in the SIGTRAP handler.
void context_begins() noexcept;
/// Another thread is inside its code, 1, or no longer, -1. Context: the thread that explores.
void count_inside(int change) noexcept;

} // namespace nmisim::explore
