// SPDX-License-Identifier: MIT
//
// One instruction as text, in AT&T syntax as objdump prints it; the target of a direct call or jump gets its
// symbol.
#include "explore/place/places.hpp"
#include "explore/step/arch.hpp"

#include <capstone/capstone.h>

#include <cstdlib>

namespace nmisim::explore {

namespace {

class engine {
public:
    engine()
    {
        const bool x86 = arch::name() == "x86_64";
        ok_ =
            cs_open(x86 ? CS_ARCH_X86 : CS_ARCH_ARM64, x86 ? CS_MODE_64 : CS_MODE_ARM, &handle_) == CS_ERR_OK;
        if (ok_ && x86)
            cs_option(handle_, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    }
    ~engine()
    {
        if (ok_)
            cs_close(&handle_);
    }
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    std::string text(std::uintptr_t ip, const code_bytes& code, const symbol_table& symbols) const
    {
        cs_insn* insn = nullptr;
        if (!ok_ || cs_disasm(handle_, code.byte.data(), code.size, ip, 1, &insn) != 1)
            return {};
        std::string t = insn->mnemonic;
        if (insn->op_str[0] != 0)
            t += std::string(" ") + insn->op_str;
        const bool branches = t[0] == 'j' || t.starts_with("call") || t.starts_with("b");
        const std::string_view operand = insn->op_str;
        if (branches && operand.starts_with("0x"))
            t += " <" + name_of(place_without_text(std::strtoull(insn->op_str, nullptr, 16), symbols)) + ">";
        cs_free(insn, 1);
        return t;
    }

private:
    static place place_without_text(std::uintptr_t ip, const symbol_table& symbols)
    {
        place p;
        p.ip = ip;
        symbols.find(p);
        return p;
    }

    csh handle_ = 0;
    bool ok_ = false;
};

} // namespace

std::string disassemble(std::uintptr_t ip, const code_bytes& code, const symbol_table& symbols)
{
    static const engine e;
    return e.text(ip, code, symbols);
}

const char* disassembly_by() noexcept
{
    return "capstone";
}

} // namespace nmisim::explore
