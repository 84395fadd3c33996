// SPDX-License-Identifier: MIT
//
// What is written down of a run: its boundaries, and its system calls.
#pragma once

#include "explore/decode/code_bytes.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace nmisim::explore {

/// The last system call of a run.
struct last_call {
    long nr = -1;
    std::array<long, 6> arg{};
    std::uint32_t before = 0; ///< the boundary that follows it
};

/// A system call of a recorded run.
struct recorded_call {
    std::uint32_t boundary; ///< of its instruction
    long nr;
};

/// Boundaries of a run in the order of execution. Lives in memory shared with the child process.
struct recording {
    std::uint32_t count = 0;
    std::uint32_t capacity = 0;
    bool overflow = false;   ///< more boundaries than capacity: recording stopped
    bool ended = false;      ///< stepping went on to where the window returned
    bool followed = false;   ///< a later run took the same path
    bool run_over = false;   ///< the run that records or follows has come back
    bool handler = false;    ///< the NMI's signal had a handler at one of the boundaries
    bool more_gates = false; ///< more system-call instructions than max_gates
    std::uint32_t gates = 0; ///< system-call instructions met, the first max_gates of them
    static constexpr std::uint32_t max_gates = 24;
    std::array<std::uintptr_t, max_gates> gate{};
    std::array<bool, max_gates> gate_of_signals{}; ///< it was one that an NMI under way depends on
    std::uintptr_t* ip = nullptr;
    code_bytes* code = nullptr;                  ///< beside `ip`; nullptr: not wanted
    std::uintptr_t* sp = nullptr;                ///< the stack pointer, beside `ip`; nullptr: not wanted
    std::atomic<std::uint64_t>* alive = nullptr; ///< grows from time to time: a long run is not a hang
    last_call last{};
    static constexpr std::uint32_t max_calls = 64;
    std::uint32_t calls = 0; ///< system calls in the order of their boundaries, the first max_calls of them
    std::array<recorded_call, max_calls> call{};
    bool waits_for_signal = false; ///< the last one, which only a signal ends
};

/// Puts `t` back to empty; its buffer stays.
void clear(recording& t) noexcept;
/// Depends on every boundary and on their order.
std::uint64_t fingerprint(const recording& t) noexcept;
/// Up to where it was recorded.
inline bool made_no_system_call(const recording& t) noexcept
{
    return t.last.nr == last_call{}.nr;
}
/// The run has come to `ip`. False: there is no more room. Context: the SIGTRAP handler.
bool note_boundary(recording& t, std::uintptr_t ip) noexcept;
/// The system call `nr` was met at `ip`. Context: the SIGTRAP handler.
void note_gate(recording& t, std::uintptr_t ip, long nr) noexcept;

} // namespace nmisim::explore
