// SPDX-License-Identifier: MIT
#include "explore/decode/successors_x86_64.hpp"

#include "explore/decode/instruction_x86_64.hpp"

namespace nmisim::explore {

namespace {

std::uint64_t at_address(std::uint64_t address) noexcept
{
    return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

} // namespace

successors successors_x86_64(std::uint64_t pc, const x86_registers& regs, const unsigned char* code,
                             std::size_t size) noexcept
{
    const x86_instruction i = decode_x86_64(code, size);
    const std::uint64_t behind = pc + i.size;
    const std::uint64_t there = behind + static_cast<std::uint64_t>(std::int64_t{i.displacement});
    successors to;
    switch (i.kind) {
    case flow::unknown: return {};
    case flow::next: to = {{behind}, 1}; break;
    case flow::branch: to = {{behind, there}, there == behind ? 1u : 2u}; break;
    case flow::jump:
    case flow::call: to = {{there}, 1}; break;
    case flow::through_reg: to = {{regs.r[i.operand]}, 1}; break;
    case flow::through_slot: to = {{at_address(there)}, 1}; break;
    case flow::returns: to = {{at_address(regs.r[x86_registers::rsp])}, 1}; break;
    }
    for (unsigned n = 0; n < to.count; ++n)
        if (to.at[n] >= pc && to.at[n] < behind)
            return {};
    return to;
}

} // namespace nmisim::explore
