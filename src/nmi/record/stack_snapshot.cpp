// SPDX-License-Identifier: MIT
#include "nmi/record/stack_snapshot.hpp"

namespace nmisim {
namespace {

// What it reads belongs to frames of others, redzones and all.
__attribute__((no_sanitize("address", "thread"), noinline)) void
copy_words(std::uintptr_t* to, std::uintptr_t from, std::size_t count) noexcept
{
    // volatile: not memcpy, which is watched
    const auto* words = reinterpret_cast<const volatile std::uintptr_t*>(from);
    for (std::size_t i = 0; i < count; ++i)
        to[i] = words[i];
}

} // namespace

void take_snapshot(stack_snapshot& out, const pt_regs& regs, std::uintptr_t stack_end) noexcept
{
    out.count = 0;
    out.ip = instruction_pointer(regs);
    if (out.ip == 0)
        return;
    copy_registers(out, regs);
    out.sp = user_stack_pointer(regs) & ~(sizeof(std::uintptr_t) - 1);
    out.stack_end = stack_end;
    if (out.sp >= stack_end)
        return; // some other stack
    const std::size_t above = (stack_end - out.sp) / sizeof(std::uintptr_t);
    out.count = above < snapshot_words ? above : snapshot_words;
    copy_words(out.words.data(), out.sp, out.count);
}

} // namespace nmisim
