// SPDX-License-Identifier: MIT
//
// capstone, for the instructions of this processor; those of x86-64 in AT&T syntax, as objdump prints them.
// Context: control.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "explore/step/arch.hpp"

#include <capstone/capstone.h>

namespace nmisim::explore {

class disassembler {
public:
    disassembler()
    {
        const bool x86 = arch::name() == "x86_64";
        ok_ =
            cs_open(x86 ? CS_ARCH_X86 : CS_ARCH_ARM64, x86 ? CS_MODE_64 : CS_MODE_ARM, &handle_) == CS_ERR_OK;
        if (ok_ && x86)
            cs_option(handle_, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
        if (ok_)
            instruction_ = cs_malloc(handle_);
    }
    ~disassembler()
    {
        if (instruction_ != nullptr)
            cs_free(instruction_, 1);
        if (ok_)
            cs_close(&handle_);
    }
    disassembler(const disassembler&) = delete;
    disassembler& operator=(const disassembler&) = delete;

    /// Until the next one is asked for. nullptr: it does not know the instruction.
    const cs_insn* of(std::uintptr_t ip, const code_bytes& code)
    {
        const std::uint8_t* bytes = code.byte.data();
        std::size_t size = code.size;
        std::uint64_t address = ip;
        return instruction_ != nullptr && cs_disasm_iter(handle_, &bytes, &size, &address, instruction_)
                   ? instruction_
                   : nullptr;
    }

private:
    csh handle_ = 0;
    bool ok_ = false;
    cs_insn* instruction_ = nullptr;
};

} // namespace nmisim::explore
