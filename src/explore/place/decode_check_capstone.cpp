// SPDX-License-Identifier: MIT
#include "explore/place/decode_check.hpp"

#include "explore/decode/instruction_x86_64.hpp"
#include "explore/place/disassembler.hpp"
#include "explore/step/stepper.hpp"

#include <cstdlib>
#include <string_view>
#include <unordered_map>

namespace nmisim::explore {

namespace {

// "bnd jmp", "repz retq": the last word.
bool leaves_the_line(std::string_view mnemonic)
{
    const std::string_view word = mnemonic.substr(mnemonic.rfind(' ') + 1);
    return word.starts_with('j') || word.starts_with("call") || word.starts_with("ret") ||
           word.starts_with("loop") || word.starts_with("lcall") || word.starts_with("ljmp") ||
           word.starts_with("iret") || word.starts_with("sys") || word.starts_with("xbegin");
}

bool agree(std::uintptr_t ip, const x86_instruction& ours, const cs_insn& theirs)
{
    if (ours.size != theirs.size || leaves_the_line(theirs.mnemonic) != (ours.kind != flow::next))
        return false;
    if (ours.kind != flow::branch && ours.kind != flow::jump && ours.kind != flow::call)
        return true;
    const std::uint64_t there = ip + ours.size + static_cast<std::uint64_t>(std::int64_t{ours.displacement});
    return std::strtoull(theirs.op_str, nullptr, 16) == there;
}

disassembler& second_opinion()
{
    static disassembler one;
    return one;
}

} // namespace

bool decoded_alike(std::uintptr_t ip, const code_bytes& code)
{
    const x86_instruction ours = decode_x86_64(code.byte.data(), code.size);
    if (ours.kind == flow::unknown) // stepped by the trap flag
        return true;
    const cs_insn* theirs = second_opinion().of(ip, code);
    return theirs != nullptr && agree(ip, ours, *theirs);
}

bool can_check_decoding() noexcept
{
    return true;
}

std::string decoded_wrongly(const recording& t, places& names)
{
    static std::unordered_map<std::uintptr_t, code_bytes>
        agreed; // code does not change from window to window
    for (std::uint32_t i = 0; i < t.count && t.code != nullptr; ++i) {
        const code_bytes& code = t.code[i];
        const auto [known, fresh] = agreed.try_emplace(t.ip[i], code);
        if (!fresh && known->second.size == code.size && known->second.byte == code.byte)
            continue;
        known->second = code;
        if (decoded_alike(t.ip[i], code))
            continue;
        agreed.erase(known);
        const x86_instruction ours = decode_x86_64(code.byte.data(), code.size);
        const cs_insn* theirs = second_opinion().of(t.ip[i], code);
        return "at " + name_of(names.of(t.ip[i])) +
               " decoder and disassembler do not agree on the instruction (" + std::to_string(ours.size) +
               " and " + std::to_string(theirs != nullptr ? theirs->size : 0) +
               " bytes): boundaries may have been skipped; explore by single steps";
    }
    return {};
}

} // namespace nmisim::explore
