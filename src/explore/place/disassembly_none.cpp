// SPDX-License-Identifier: MIT
//
// Without capstone an instruction has no text; symbol and offset still name it.
#include "explore/place/places.hpp"

namespace nmisim::explore {

std::string disassemble(std::uintptr_t, const code_bytes&, const symbol_table&)
{
    return {};
}

const char* disassembly_by() noexcept
{
    return "none";
}

} // namespace nmisim::explore
