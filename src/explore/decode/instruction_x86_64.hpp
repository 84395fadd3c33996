// SPDX-License-Identifier: MIT
//
// How long an instruction of x86-64 is, and how it goes on. Pure arithmetic on its bytes, so it can be called in the
// SIGTRAP handler and tested against a disassembler. What it does not know, or must not answer for, is `unknown`: the
// processor's own single step then tells. Intel SDM vol. 2, chapter 2 and appendix A; AMD's manual, volume 3.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

enum class flow : std::uint8_t {
    unknown,
    next,         ///< to the instruction behind it
    branch,       ///< there, or by `displacement` from there
    jump,         ///< by `displacement` from the instruction behind it
    call,         ///< as `jump`
    through_reg,  ///< jump or call to the address in register `operand`
    through_slot, ///< jump or call to the address in memory, at `displacement` from the instruction behind it
    returns,      ///< to the address on top of the stack
};

struct x86_instruction {
    flow kind = flow::unknown;
    std::uint8_t size = 0; ///< 0: not known either
    std::uint8_t operand = 0;
    std::int32_t displacement = 0;
};

/// What stands before an opcode.
struct x86_prefixes {
    std::uint8_t size = 0;      ///< in bytes, with REX
    bool small_operand = false; ///< 66
    bool small_address = false; ///< 67
    bool lock = false;
    bool fs = false;
    bool gs = false;
    unsigned char repeat = 0; ///< f2 or f3, the last of them; 0: none
    unsigned char rex = 0;    ///< 0: none
};

/// `size` bytes of code are there to be read, at most code_bytes::longest.
x86_prefixes prefixes_x86_64(const unsigned char* code, std::size_t size) noexcept;

/// As above.
x86_instruction decode_x86_64(const unsigned char* code, std::size_t size) noexcept;

} // namespace nmisim::explore
