// SPDX-License-Identifier: MIT
//
// What the sampler needs of the processor and the kernel, without a library: it runs in programs that may have none.
// Context: a signal handler in somebody else's program. Progress: wait-free.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/syscall.h>
#include <ucontext.h>

namespace nmisim::exec::own {

inline constexpr std::uintptr_t page_bytes = 4096;

/// Begin of the page that this code lies in.
inline std::uintptr_t code_page() noexcept
{
    std::uintptr_t here = 0;
    asm("lea 0(%%rip), %0" : "=r"(here));
    return here & ~(page_bytes - 1);
}

/// As the vDSO reads it: from the limit of a segment that each CPU has. Only a hint.
inline unsigned cpu_number() noexcept
{
    constexpr unsigned cpu_node_segment = 0x7b;
    unsigned limit = 0;
    asm volatile("lsl %1, %0" : "+r"(limit) : "r"(cpu_node_segment) : "cc");
    return limit & 0xfff;
}

/// Asks the kernel: it reads a mask from there, and then finds that `how` is none. Nothing is changed, errno is not
/// touched, and the call is one that each program with signals is allowed.
inline bool is_readable(std::uintptr_t at) noexcept
{
    constexpr long bad_address = -14;
    constexpr std::uintptr_t no_how = ~std::uintptr_t{0};
    register std::uintptr_t mask_bytes asm("r10") = 8;
    long result = SYS_rt_sigprocmask;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(no_how), "S"(at), "d"(0), "r"(mask_bytes)
                 : "rcx", "r11", "memory");
    return result != bad_address;
}

/// Of the kernel's clock too; the supervisor tells what it means.
inline std::uint64_t ticks() noexcept
{
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return std::uint64_t{high} << 32 | low;
}

/// Both are aligned.
inline void copy_words(std::uintptr_t to, std::uintptr_t from, std::size_t words) noexcept
{
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

inline std::uintptr_t stack_pointer() noexcept
{
    std::uintptr_t here = 0;
    asm volatile("mov %%rsp, %0" : "=r"(here));
    return here;
}

/// As .eh_frame numbers them.
inline constexpr unsigned dwarf_fp = 6;
inline constexpr unsigned dwarf_sp = 7;
inline constexpr unsigned dwarf_ip = 16;

struct interrupted_frame {
    std::uintptr_t ip;
    std::uintptr_t sp;
    std::uintptr_t fp;
};

inline interrupted_frame frame_in(const void* context) noexcept
{
    const auto& r = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
    return {static_cast<std::uintptr_t>(r[REG_RIP]), static_cast<std::uintptr_t>(r[REG_RSP]),
            static_cast<std::uintptr_t>(r[REG_RBP])};
}

} // namespace nmisim::exec::own
