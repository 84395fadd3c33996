// SPDX-License-Identifier: MIT
//
// A backtrace in two halves. Unwinding needs tables, the loader's list of objects and locks, none of which an
// NMI may touch. So NMI context copies only what will be gone when it returns: the registers and the stack above them.
// The asking thread unwinds from that copy, later and in its own context (machine/backtrace/unwind.hpp). perf does the
// same for call graphs by DWARF.
//
// Bounded: `words` of stack. A stack that is deeper is cut off, and the backtrace ends there.
#pragma once

#include "nmisim/regs.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace nmisim {

inline constexpr std::size_t snapshot_registers = 33; ///< x86-64: 17, aarch64: 33
inline constexpr std::size_t snapshot_words = 2048;   ///< 16 KiB

struct stack_snapshot {
    std::uintptr_t ip = 0; ///< 0: none was taken
    std::uintptr_t sp = 0; ///< address of words[0]
    std::uintptr_t stack_end = 0;
    std::size_t count = 0;                                      ///< words taken
    std::array<std::uintptr_t, snapshot_registers> registers{}; ///< in DWARF's numbering
    std::array<std::uintptr_t, snapshot_words> words{};
};

/// `stack_end`: one past the highest address of the interrupted stack, 0: unknown, then only registers are
/// taken. Context: nmi. Progress: wait-free; copies at most 16 KiB.
void take_snapshot(stack_snapshot& out, const pt_regs& regs, std::uintptr_t stack_end) noexcept;

/// The general registers in DWARF's numbering; sibling files, one per CPU family. Context: nmi.
void copy_registers(stack_snapshot& out, const pt_regs& regs) noexcept;

} // namespace nmisim
