// SPDX-License-Identifier: MIT
//
// exec does not trace programs on aarch64 (trace/aarch64/arch.cpp); nothing here is called.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmisim::exec::own {

inline constexpr std::uintptr_t page_bytes = 4096;

inline std::uintptr_t code_page() noexcept
{
    return 0;
}

inline unsigned cpu_number() noexcept
{
    return 0;
}

inline bool is_readable(std::uintptr_t) noexcept
{
    return false;
}

inline std::uint64_t ticks() noexcept
{
    return 0;
}

inline std::uintptr_t stack_pointer() noexcept
{
    return 0;
}

inline void copy_words(std::uintptr_t, std::uintptr_t, std::size_t) noexcept {}

inline constexpr unsigned dwarf_fp = 29;
inline constexpr unsigned dwarf_sp = 31;
inline constexpr unsigned dwarf_ip = 30;

struct interrupted_frame {
    std::uintptr_t ip;
    std::uintptr_t sp;
    std::uintptr_t fp;
};

inline interrupted_frame frame_in(const void*) noexcept
{
    return {};
}

} // namespace nmisim::exec::own
