// SPDX-License-Identifier: MIT
//
// Who has called whom, from the registers of an interrupted instruction and a copy of the stack above it. Each frame is left as its
// function's rule says (frame_rules.hpp). Where a file has no rules (code made at run time, some languages), or the copy is too
// short, the chain of frame pointers that the sampler has followed goes on.
// Context: control.
#pragma once

#include "exec/unwind/frame_rules.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace nmisim::exec {

/// The words above a stack pointer, at the address where they were.
struct copied_stack {
    std::uintptr_t at = 0;
    std::span<const std::byte> bytes;
    std::optional<std::uintptr_t> word(std::uintptr_t address) const noexcept;
};

struct interrupted_stack {
    std::span<const std::uintptr_t>
        chain; ///< by frame pointers, innermost first: the instruction, then return addresses
    std::uintptr_t sp = 0;
    std::uintptr_t fp = 0;
    copied_stack copy;
};

/// An instruction that is on its way: the interrupted one, or one that has called. (A return address is behind its call.)
struct walked_place {
    std::uintptr_t ip;
    bool by_frame_pointer; ///< that is how its frame is left
};
struct walked_stack {
    std::vector<walked_place> places; ///< innermost first; at least the interrupted instruction
    bool is_whole = false;            ///< up to one that nobody has called, or of which nobody knows more
    std::size_t read =
        0; ///< bytes of the copy, up to the last word that was needed; more than it has: it was too short
};

/// The rule at an address of the program; nullptr: no code lies there, the stack ends.
using rule_at = std::function<const frame_rule*(std::uintptr_t)>;

/// No more than `most` places.
walked_stack walk_stack(const interrupted_stack& s, std::size_t most, const rule_at& rule);

} // namespace nmisim::exec
