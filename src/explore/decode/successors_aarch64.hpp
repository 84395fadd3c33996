// SPDX-License-Identifier: MIT
//
// Where an aarch64 instruction goes. Pure arithmetic on the
// instruction word and the registers, so it can be tested on every processor. Arm Architecture Reference Manual, C4.1
// (A64 instruction set encoding).
#pragma once

#include "explore/decode/successors.hpp"

namespace nmisim::explore {

struct aarch64_registers {
    std::array<std::uint64_t, 31> x; ///< x0 to x30
    std::uint64_t nzcv;              ///< PSTATE, flags in bits 31 to 28
};

/// One address, but after a load-exclusive: its sequence is one step, because a trap between the load
/// and the store would clear the monitor and the loop would never end. Then also where it branches out.
/// `code_at` reads one instruction as it is without breakpoints. Context: any; calls nothing else.
using read_code = std::uint32_t (*)(std::uint64_t address) noexcept;
successors successors_of(std::uint64_t pc, const aarch64_registers& regs, read_code code_at) noexcept;

/// A call: BL or BLR. It comes back to the next instruction.
bool is_call(std::uint32_t code) noexcept;

} // namespace nmisim::explore
