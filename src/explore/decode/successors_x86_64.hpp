// SPDX-License-Identifier: MIT
//
// Where an instruction of x86-64 goes. Of a conditional branch both ways are named: the one that is taken shows itself,
// and no condition can be read wrongly.
#pragma once

#include "explore/decode/successors.hpp"

#include <cstddef>

namespace nmisim::explore {

struct x86_registers {
    enum place : std::uint8_t {
        rax,
        rcx,
        rdx,
        rbx,
        rsp,
        rbp,
        rsi,
        rdi
    }; ///< as they are encoded; r8 to r15 follow
    std::array<std::uint64_t, 16> r{};
};

/// `code`: `size` bytes of the instruction at `pc` as it is without breakpoints. None: not known, or the instruction
/// itself would be changed by a breakpoint there. Reads the top of the stack and slots of jump tables. Context: any.
successors successors_x86_64(std::uint64_t pc, const x86_registers& regs, const unsigned char* code,
                             std::size_t size) noexcept;

} // namespace nmisim::explore
