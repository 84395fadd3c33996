// SPDX-License-Identifier: MIT
#include "explore/decode/plain_access_x86_64.hpp"

#include "explore/decode/instruction_x86_64.hpp"

#include <bit>
#include <cstring>

namespace nmisim::explore {

namespace {

constexpr unsigned char of_thread = 0x64; // prefix of segment fs
/// Bits of REX.
constexpr unsigned char wide = 8, more_registers = 4, more_indices = 2, more_bases = 1;
/// As the operation is encoded.
enum operation : std::uint8_t {
    add = 0,
    add_with_carry = 2,
    subtract_with_borrow = 3,
    subtract = 5,
    exclusive = 6,
    compare = 7
};

std::uint64_t constant_at(const unsigned char* at, unsigned bytes) noexcept
{
    std::int32_t d = 0;
    if (bytes == 1)
        d = static_cast<signed char>(*at);
    else if (bytes != 0)
        std::memcpy(&d, at, sizeof d);
    return static_cast<std::uint64_t>(std::int64_t{d});
}

plain_access of_opcode(unsigned char opcode) noexcept
{
    using enum plain_access::kind;
    plain_access a;
    a.operation = opcode >> 3U & 7;
    a.memory_first = opcode == 0x39;
    if (opcode == 0x8b)
        a.what = load;
    else if (opcode == 0x89)
        a.what = store;
    else if (opcode == 0xc7)
        a.what = store_constant;
    else if (opcode == 0x39 || (opcode < 0x40 && (opcode & 7) == 3 && a.operation != add_with_carry &&
                                a.operation != subtract_with_borrow))
        a.what = calculate;
    return a;
}

} // namespace

plain_access plain_access_x86_64(std::uint64_t pc, const x86_registers& regs, std::uint64_t thread_base,
                                 const unsigned char* code, std::size_t size) noexcept
{
    const std::uint8_t length = decode_x86_64(code, size).size; // all of it is there
    if (length < 2)
        return {};
    const unsigned char* at = code;
    const bool in_thread = *at == of_thread;
    at += in_thread ? 1 : 0;
    const unsigned char rex = (*at & 0xf0) == 0x40 ? *at++ : 0;
    plain_access a = of_opcode(*at++);
    const unsigned form = *at >> 6U;
    const unsigned middle = *at >> 3U & 7;
    const unsigned place = *at++ & 7;
    const bool has_constant = a.what == plain_access::kind::store_constant;
    if (a.what == plain_access::kind::none || form == 3) // between registers
        return {};
    const auto extended = [rex](unsigned three_bits, unsigned char bit) {
        return (three_bits & 7) | ((rex & bit) != 0 ? 8U : 0U);
    };
    a.size = length;
    a.width = (rex & wide) != 0 ? 8 : 4;
    a.reg = static_cast<std::uint8_t>(extended(middle, more_registers));
    a.address = in_thread ? thread_base : 0;
    unsigned bytes = form == 1 ? 1 : form == 2 ? 4 : 0;
    if (place == 4) { // base, index and scale
        const unsigned char sib = *at++;
        if (const unsigned index = extended(sib >> 3U, more_indices); index != 4)
            a.address += regs.r[index] << (sib >> 6U);
        if ((sib & 7) == 5 && form == 0)
            bytes = 4; // no base
        else
            a.address += regs.r[extended(sib, more_bases)];
    } else if (place == 5 && form == 0) {
        bytes = 4;
        a.address += pc + length;
    } else {
        a.address += regs.r[extended(place, more_bases)];
    }
    a.address += constant_at(at, bytes);
    if (has_constant)
        a.constant = constant_at(at + bytes, 4);
    return a;
}

std::uint64_t calculated_x86_64(const plain_access& access, std::uint64_t reg, std::uint64_t memory,
                                std::uint64_t& flags) noexcept
{
    const std::uint8_t operation = access.operation;
    const unsigned top = access.width * 8U - 1;
    const std::uint64_t all = ~std::uint64_t{0} >> (63 - top);
    const std::uint64_t a = (access.memory_first ? memory : reg) & all;
    const std::uint64_t b = (access.memory_first ? reg : memory) & all;
    const bool subtracts = operation == subtract || operation == compare;
    const bool adds = operation == add;
    const std::uint64_t r = (adds                     ? a + b
                             : subtracts              ? a - b
                             : operation == exclusive ? a ^ b
                             : operation == 1         ? a | b
                                                      : a & b) &
                            all;
    const bool carry = adds ? r < a : subtracts && a < b;
    const bool overflow = ((adds ? (a ^ r) & (b ^ r) : subtracts ? (a ^ b) & (a ^ r) : 0) >> top & 1) != 0;
    const bool adjust = (adds || subtracts) && ((a ^ b ^ r) >> 4 & 1) != 0;
    constexpr std::uint64_t arithmetic = 0x8d5; // Intel SDM vol. 1, 3.4.3.1
    flags = (flags & ~arithmetic) | std::uint64_t{carry} |
            std::uint64_t{std::popcount(r & 0xff) % 2 == 0} << 2 | std::uint64_t{adjust} << 4 |
            std::uint64_t{r == 0} << 6 | (r >> top) << 7 | std::uint64_t{overflow} << 11;
    return operation == compare ? reg : r;
}

} // namespace nmisim::explore
