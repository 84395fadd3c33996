// SPDX-License-Identifier: MIT
//
// Second opinion on what was stepped by breakpoints: a mistake of the decoder would skip a boundary without a word. So
// each recorded instruction is given to the disassembler as well. Meson picks decode_check_capstone.cpp for x86-64 or
// decode_check_none.cpp; without a disassembler steps are made by the trap flag, which needs no decoder. On aarch64 all
// steps are made by breakpoints, and nobody checks them.
// Context: control.
#pragma once

#include "explore/place/places.hpp"

#include <string>

namespace nmisim::explore {

/// False: nobody is there to check. On x86-64 nothing may be stepped by breakpoints then.
bool can_check_decoding() noexcept;

/// The two agree on the instruction there, or it was stepped by the trap flag.
bool decoded_alike(std::uintptr_t ip, const code_bytes& code);

/// The first instruction of `t` about which the two do not agree, in words. Empty: they do.
std::string decoded_wrongly(const recording& t, places& names);

} // namespace nmisim::explore
