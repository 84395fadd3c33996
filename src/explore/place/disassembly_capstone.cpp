// SPDX-License-Identifier: MIT
//
// One instruction as text; the target of a direct call or jump gets its symbol.
#include "explore/place/disassembler.hpp"
#include "explore/place/places.hpp"

#include <cstdlib>

namespace nmisim::explore {

std::string disassemble(std::uintptr_t ip, const code_bytes& code, const symbol_table& symbols)
{
    static disassembler d;
    const cs_insn* const i = d.of(ip, code);
    if (i == nullptr)
        return {};
    std::string text = i->mnemonic;
    if (i->op_str[0] != 0)
        text += std::string(" ") + i->op_str;
    const bool branches = text[0] == 'j' || text.starts_with("call") || text.starts_with("b");
    if (branches && std::string_view(i->op_str).starts_with("0x")) {
        place target;
        target.ip = std::strtoull(i->op_str, nullptr, 16);
        symbols.find(target);
        text += " <" + name_of(target) + ">";
    }
    return text;
}

const char* disassembly_by() noexcept
{
    return "capstone";
}

} // namespace nmisim::explore
