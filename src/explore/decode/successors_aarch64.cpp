// SPDX-License-Identifier: MIT
#include "explore/decode/successors_aarch64.hpp"

namespace nmisim::explore {

namespace {

constexpr std::uint64_t field(std::uint32_t code, unsigned low, unsigned bits) noexcept
{
    return (code >> low) & ((1u << bits) - 1);
}

// A signed number of instructions, in bytes.
constexpr std::uint64_t offset(std::uint32_t code, unsigned low, unsigned bits) noexcept
{
    const std::uint64_t value = field(code, low, bits);
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    return ((value ^ sign) - sign) << 2;
}

// ConditionHolds() of the manual.
constexpr bool holds(std::uint64_t condition, std::uint64_t nzcv) noexcept
{
    const bool n = (nzcv >> 31 & 1) != 0;
    const bool z = (nzcv >> 30 & 1) != 0;
    const bool c = (nzcv >> 29 & 1) != 0;
    const bool v = (nzcv >> 28 & 1) != 0;
    bool result = true;
    switch (condition >> 1) {
    case 0: result = z; break;
    case 1: result = c; break;
    case 2: result = n; break;
    case 3: result = v; break;
    case 4: result = c && !z; break;
    case 5: result = n == v; break;
    case 6: result = n == v && !z; break;
    default: return true; // AL, and NV which means the same
    }
    return (condition & 1) != 0 ? !result : result;
}

constexpr bool is_conditional(std::uint32_t code) noexcept
{
    return (code & 0xff000000) == 0x54000000;
}
constexpr bool is_compare_and_branch(std::uint32_t code) noexcept
{
    return (code & 0x7e000000) == 0x34000000;
}
constexpr bool is_test_and_branch(std::uint32_t code) noexcept
{
    return (code & 0x7e000000) == 0x36000000;
}
constexpr bool is_jump(std::uint32_t code) noexcept // B, BL
{
    return (code & 0x7c000000) == 0x14000000;
}
constexpr bool is_register_jump(std::uint32_t code) noexcept // BR, BLR, RET and their authenticating forms
{
    return (code & 0xfe000000) == 0xd6000000;
}
// Bit 22: load. Bit 21: a pair, which only the wide forms (bit 31) have; the narrow ones are CASP.
constexpr bool is_exclusive(std::uint32_t code) noexcept
{
    return (code & 0x3f800000) == 0x08000000 && (field(code, 21, 1) == 0 || field(code, 31, 1) != 0);
}
constexpr bool is_load_exclusive(std::uint32_t code) noexcept
{
    return is_exclusive(code) && field(code, 22, 1) != 0;
}
constexpr bool is_store_exclusive(std::uint32_t code) noexcept
{
    return is_exclusive(code) && field(code, 22, 1) == 0;
}

constexpr std::uint64_t reg(const aarch64_registers& regs, std::uint64_t number) noexcept
{
    return number < regs.x.size() ? regs.x[number] : 0; // XZR
}

constexpr std::uint64_t target_of_branch(std::uint64_t pc, std::uint32_t code) noexcept
{
    return is_test_and_branch(code) ? pc + offset(code, 5, 14) : pc + offset(code, 5, 19);
}

bool taken(std::uint32_t code, const aarch64_registers& regs) noexcept
{
    if (is_conditional(code))
        return holds(field(code, 0, 4), regs.nzcv);
    const std::uint64_t value = reg(regs, field(code, 0, 5));
    const bool if_not_zero = field(code, 24, 1) != 0;
    if (is_test_and_branch(code)) {
        const std::uint64_t bit = field(code, 31, 1) << 5 | field(code, 19, 5);
        return ((value >> bit & 1) != 0) == if_not_zero;
    }
    const std::uint64_t width = field(code, 31, 1) != 0 ? value : value & 0xffffffff;
    return (width != 0) == if_not_zero;
}

constexpr bool is_any_branch(std::uint32_t code) noexcept
{
    return is_conditional(code) || is_compare_and_branch(code) || is_test_and_branch(code);
}

// From a load-exclusive to behind its store-exclusive, and wherever a branch between them leads. No store within
// reach: a lone load (a spin on WFE), an instruction like others.
successors behind_exclusive(std::uint64_t pc, read_code code_at) noexcept
{
    constexpr unsigned reach = 16;
    successors next;
    for (unsigned i = 1; i <= reach; ++i) {
        const std::uint64_t here = pc + std::uint64_t{i} * 4;
        const std::uint32_t code = code_at(here);
        if (is_store_exclusive(code)) {
            next.at[next.count++] = here + 4;
            return next;
        }
        if (is_any_branch(code) && next.count < next.at.size() - 1)
            next.at[next.count++] = target_of_branch(here, code);
        else if (is_any_branch(code) || is_jump(code) || is_register_jump(code))
            break;
    }
    return {{pc + 4}, 1};
}

} // namespace

bool is_call(std::uint32_t code) noexcept
{
    return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000;
}

successors successors_of(std::uint64_t pc, const aarch64_registers& regs, read_code code_at) noexcept
{
    const std::uint32_t code = code_at(pc);
    if (is_load_exclusive(code))
        return behind_exclusive(pc, code_at);
    if (is_jump(code))
        return {{pc + offset(code, 0, 26)}, 1};
    if (is_register_jump(code)) {
        const std::uint64_t number = field(code, 5, 5);
        return {{number == 31 ? regs.x[30] : reg(regs, number)}, 1}; // 31: RETAA, RETAB
    }
    if (is_any_branch(code) && taken(code, regs))
        return {{target_of_branch(pc, code)}, 1};
    return {{pc + 4}, 1};
}

} // namespace nmisim::explore
