// SPDX-License-Identifier: MIT
//
// Which way a jump or a conditional branch of x86-64 goes: what it reads are the flags, what it changes is the instruction
// pointer, so a signal handler can make it for less than a trap. Intel SDM vol. 2, Jcc and JMP; vol. 1, 3.4.3.1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

/// JMP with a displacement, or Jcc; not LOOP and JRCXZ, which count.
bool is_plain_branch_x86_64(const unsigned char* code, std::size_t size) noexcept;

/// Where the instruction at `pc` goes with these flags; 0: it is no such branch. Context: any.
std::uint64_t branch_x86_64(std::uint64_t pc, std::uint64_t flags, const unsigned char* code,
                            std::size_t size) noexcept;

} // namespace nmisim::explore
