// SPDX-License-Identifier: MIT
#include "explore/decode/leap_x86_64.hpp"

#include "explore/decode/instruction_x86_64.hpp"

namespace nmisim::explore {

namespace {

x86_instruction decoded(const code_bytes& code) noexcept
{
    return decode_x86_64(code.byte.data(), code.size);
}

bool has_one_successor(const x86_instruction& i) noexcept
{
    return i.kind == flow::next || i.kind == flow::jump || i.kind == flow::call;
}

// A breakpoint there would be met on the way, or is in the instruction that runs next.
bool is_on_the_way(std::uintptr_t address, const std::uintptr_t* ip, std::uint32_t here, std::uint32_t last,
                   std::uint8_t size_here) noexcept
{
    for (std::uint32_t i = here; i <= last; ++i)
        if (ip[i] == address)
            return true;
    return address >= ip[here] && address < ip[here] + size_here;
}

} // namespace

leap leap_x86_64(const std::uintptr_t* ip, const code_bytes* code, std::uint32_t count,
                 std::uint32_t here) noexcept
{
    constexpr std::uint32_t longest = 64;
    if (here >= count)
        return {};
    const std::uint8_t size_here = decoded(code[here]).size;
    std::uint32_t n = here;
    x86_instruction i = decoded(code[n]);
    while (has_one_successor(i) && n + 1 < count && n - here < longest)
        i = decoded(code[++n]);
    const std::uintptr_t behind = ip[n] + i.size;
    const std::uintptr_t there = behind + static_cast<std::uintptr_t>(std::intptr_t{i.displacement});
    if (i.kind == flow::branch && there != behind && !is_on_the_way(there, ip, here, n, size_here) &&
        !is_on_the_way(behind, ip, here, n, size_here))
        return {{behind, there}, 2, n + 1 - here};
    if (n == here || is_on_the_way(ip[n], ip, here, n - 1, size_here))
        return {};
    return {{ip[n]}, 1, n - here};
}

} // namespace nmisim::explore
