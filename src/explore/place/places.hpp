// SPDX-License-Identifier: MIT
//
// From an address to something a person can find: symbol, source line, instruction. symbols_dw.cpp (elfutils)
// or symbols_dl.cpp (dladdr, exported names only) and disassembly_capstone.cpp or disassembly_none.cpp, as
// Meson finds them. Answers are kept: a map asks for the same addresses many times.
// Context: control, in the parent process.
#pragma once

#include "nmisim/explore.hpp"

#include <optional>

namespace nmisim::explore {

const place& place_of(std::uintptr_t ip);
std::vector<place> places_of(const std::uintptr_t* ip, std::size_t count);

struct symbol_bounds {
    std::uintptr_t start = 0;
    std::uintptr_t size = 0;
};
/// Where the function that holds `ip` starts and how long it is.
std::optional<symbol_bounds> bounds_of(std::uintptr_t ip);

// The siblings.
void find_symbol(place& where);
std::optional<symbol_bounds> find_bounds(std::uintptr_t ip);
std::string disassemble(std::uintptr_t ip);
const char* symbols_by() noexcept;
const char* disassembly_by() noexcept;

std::string demangled(const char* name);

} // namespace nmisim::explore
