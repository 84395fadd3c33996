// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <atomic>

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

void unwind_here() noexcept
{
    unw_context_t context;
    unw_cursor_t cursor;
    if (unw_getcontext(&context) == 0 && unw_init_local(&cursor, &context) == 0)
        while (unw_step(&cursor) > 0) {
        }
}

constinit std::atomic<bool> warm{false};

} // namespace

void warm_up_unwinder() noexcept
{
    if (warm.load(std::memory_order_relaxed)) // libunwind orders what it initialises; twice does no harm
        return;
    unwind_here();
    warm.store(true, std::memory_order_relaxed); // as above
}

} // namespace nmisim
