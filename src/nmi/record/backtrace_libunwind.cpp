// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

#define UNW_LOCAL_ONLY
#include <libunwind.h>

namespace nmisim {

std::size_t unwind_interrupted(const pt_regs& regs, std::uintptr_t* frames, std::size_t size) noexcept
{
    unw_cursor_t cursor;
    // It only reads it. On aarch64 it has a type of its own, which is the kernel's with less room at its end.
    auto* context = reinterpret_cast<unw_context_t*>(const_cast<ucontext_t*>(regs.uc));
    if (context == nullptr || size == 0)
        return 0;
    if (unw_init_local2(&cursor, context, UNW_INIT_SIGNAL_FRAME) != 0) {
        frames[0] = instruction_pointer(regs);
        return 1;
    }
    std::size_t n = 0;
    do {
        unw_word_t ip = 0;
        if (unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0)
            break;
        frames[n++] = ip;
    } while (n < size && unw_step(&cursor) > 0);
    return n;
}

namespace {

bool unwind_here() noexcept
{
    unw_context_t context;
    unw_cursor_t cursor;
    if (unw_getcontext(&context) == 0 && unw_init_local(&cursor, &context) == 0)
        while (unw_step(&cursor) > 0) {
        }
    return true;
}

} // namespace

void warm_up_unwinder() noexcept
{
    static const bool warm = unwind_here();
    static_cast<void>(warm);
}

} // namespace nmisim
