// SPDX-License-Identifier: MIT
//
// The plain instructions of x86-64: what they read and write are general registers, the arithmetic flags and at most one
// place in memory, or they call, return, push and pop. Most code consists of them, and a signal handler can make them for less
// than a trap. Pure arithmetic on their bytes. Context: any. Intel SDM vol. 2, chapter 2 and appendix A.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "explore/decode/successors_x86_64.hpp"

#include <cstdint>

namespace nmisim::explore {

struct plain_instruction {
    enum class kind : std::uint8_t {
        none,      ///< it is another instruction
        nothing,   ///< NOP, ENDBR64
        calculate, ///< by registers, and what is read and written at `address`
        load_address,
        push,
        push_constant,
        pop,
        leave,
        call, ///< to `address`
        jump,
        call_loaded, ///< to what stands at `address`
        jump_loaded,
        give_back, ///< RET
    };
    kind what = kind::none;
    std::uint8_t size = 0;
    std::uint8_t width = 0; ///< of what is read or written in memory, in bytes; 0: it is no memory
    bool reads = false;
    bool writes = false;
    std::uint8_t reg =
        0; ///< in the order of x86_registers: of `push` and `pop`; of `calculate` that which stands for the memory
    std::uint64_t address = 0;
    std::uint64_t constant = 0;
    /// `calculate`: the instruction with `reg` in the place of the memory.
    code_bytes by_registers{};
};

/// `code`: the instruction at `pc` as it is without breakpoints. `thread_base`: where segment fs begins.
plain_instruction plain_x86_64(std::uint64_t pc, const x86_registers& regs, std::uint64_t thread_base,
                               const code_bytes& code) noexcept;

} // namespace nmisim::explore
