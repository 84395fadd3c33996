// SPDX-License-Identifier: MIT
//
// Where nothing decodes the instructions' memory accesses. x86-TSO is no model of aarch64, whose loads are reordered
// too.
#include "explore/memory/accesses.hpp"

namespace nmisim::explore {

const char* decoding_absent() noexcept
{
    return "the memory accesses of instructions are decoded on x86-64 only, by capstone, which this build "
           "was made "
           "without";
}

bool decode(std::uintptr_t, const code_bytes&, instruction&)
{
    return false;
}

byte_range range_of(const memory_operand&, const ucontext_t&, std::uintptr_t) noexcept
{
    return {};
}

std::uintptr_t register_of(const ucontext_t&, std::int8_t) noexcept
{
    return 0;
}

std::uintptr_t own_thread_base() noexcept
{
    return 0;
}

} // namespace nmisim::explore
