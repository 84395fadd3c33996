// SPDX-License-Identifier: MIT
//
// The plain accesses of x86-64: MOV between memory and a register or of a constant, and arithmetic that only reads memory. 4
// or 8 bytes, not locked. Most accesses that threads share are of this kind, and a signal handler can make them for less
// than a trap. Intel SDM vol. 2: MOV, ADD, OR, AND, SUB, XOR, CMP, and chapter 2.1.5.
#pragma once

#include "explore/decode/successors_x86_64.hpp"

#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

struct plain_access {
    enum class kind : std::uint8_t {
        none, ///< it is another instruction
        load, ///< into `reg`; 4 bytes clear the upper half
        store,
        store_constant,
        calculate, ///< `reg` and what is read, by `operation`
    };
    kind what = kind::none;
    std::uint8_t size = 0;      ///< of the instruction
    std::uint8_t width = 0;     ///< 4 or 8 bytes
    std::uint8_t reg = 0;       ///< in the order of x86_registers
    std::uint8_t operation = 0; ///< as it is encoded: 0 ADD, 1 OR, 4 AND, 5 SUB, 6 XOR, 7 CMP
    bool memory_first = false;  ///< of CMP
    std::uint64_t address = 0;
    std::uint64_t constant = 0;
};

/// `code`: `size` bytes of the instruction at `pc` as it is without breakpoints. `thread_base`: where segment fs begins.
/// Context: any.
plain_access plain_access_x86_64(std::uint64_t pc, const x86_registers& regs, std::uint64_t thread_base,
                                 const unsigned char* code, std::size_t size) noexcept;

/// What the register `reg` is after a calculation with the bytes of `memory`; CMP leaves it as it is. The arithmetic bits of
/// `flags` become the processor's.
std::uint64_t calculated_x86_64(const plain_access& a, std::uint64_t reg, std::uint64_t memory,
                                std::uint64_t& flags) noexcept;

} // namespace nmisim::explore
