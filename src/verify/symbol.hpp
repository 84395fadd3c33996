// SPDX-License-Identifier: MIT
//
// A code address as text for people. Context: control (allocates).
#pragma once

#include <cstdint>
#include <string>

namespace nmisim {

struct code_symbol {
    std::string name;         ///< demangled; empty: none known, then `start` is the object's
    std::string object;       ///< file name; empty: in no object
    std::uintptr_t start = 0; ///< 0: in no object
};
code_symbol find_symbol(std::uintptr_t address);

/// "function+0x12 (object)", or "object+0x1234" where the dynamic symbol table has no name for it.
std::string symbol_of(std::uintptr_t address);

} // namespace nmisim
