// SPDX-License-Identifier: MIT
//
// A code address as a person reads it. Context: control (allocates).
#pragma once

#include <cstdint>
#include <string>

namespace nmisim {

/// "function+0x12 (object)", or "object+0x1234" where the dynamic symbol table has no name for it.
std::string symbol_of(std::uintptr_t address);

} // namespace nmisim
