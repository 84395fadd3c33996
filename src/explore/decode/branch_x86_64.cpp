// SPDX-License-Identifier: MIT
#include "explore/decode/branch_x86_64.hpp"

#include "explore/decode/instruction_x86_64.hpp"

namespace nmisim::explore {

namespace {

constexpr std::uint64_t carry = 1 << 0;
constexpr std::uint64_t parity = 1 << 2;
constexpr std::uint64_t zero = 1 << 6;
constexpr std::uint64_t sign = 1 << 7;
constexpr std::uint64_t overflow = 1 << 11;

// The low four bits of the opcode; the lowest one turns the condition round.
bool holds(unsigned condition, std::uint64_t flags) noexcept
{
    const bool differ = ((flags & sign) != 0) != ((flags & overflow) != 0);
    bool is = false;
    switch (condition >> 1) {
    case 0: is = (flags & overflow) != 0; break;
    case 1: is = (flags & carry) != 0; break;
    case 2: is = (flags & zero) != 0; break;
    case 3: is = (flags & (carry | zero)) != 0; break;
    case 4: is = (flags & sign) != 0; break;
    case 5: is = (flags & parity) != 0; break;
    case 6: is = differ; break;
    case 7: is = differ || (flags & zero) != 0; break;
    }
    return is != ((condition & 1) != 0);
}

// The opcode alone: with a prefix it is none of them.
bool is_jump(const unsigned char* code) noexcept
{
    return code[0] == 0xe9 || code[0] == 0xeb;
}

bool is_branch(const unsigned char* code) noexcept
{
    return (code[0] & 0xf0) == 0x70 || (code[0] == 0x0f && (code[1] & 0xf0) == 0x80);
}

// `size` 0: it is neither, or not whole.
x86_instruction branch_or_jump(const unsigned char* code, std::size_t size) noexcept
{
    return size >= 2 && (is_jump(code) || is_branch(code)) ? decode_x86_64(code, size) : x86_instruction{};
}

} // namespace

bool is_plain_branch_x86_64(const unsigned char* code, std::size_t size) noexcept
{
    return branch_or_jump(code, size).size != 0;
}

std::uint64_t branch_x86_64(std::uint64_t pc, std::uint64_t flags, const unsigned char* code,
                            std::size_t size) noexcept
{
    const x86_instruction i = branch_or_jump(code, size);
    if (i.size == 0)
        return 0;
    const std::uint64_t behind = pc + i.size;
    const unsigned condition = (code[0] == 0x0f ? code[1] : code[0]) & 0xfU;
    const bool taken = is_jump(code) || holds(condition, flags);
    return taken ? behind + static_cast<std::uint64_t>(std::int64_t{i.displacement}) : behind;
}

} // namespace nmisim::explore
