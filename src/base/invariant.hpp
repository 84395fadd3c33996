// SPDX-License-Identifier: MIT
//
// Invariants that stay on in release builds. A broken one is a bug of this program, never of its input.
//
// Context: any, NMI included. So the failure path is only write(2) and abort(): a handler may have interrupted malloc,
// stdio or the loader. Kernel counterpart: BUG_ON().
#pragma once

namespace nmisim {

/// Writes `text` and `where` to standard error with write(2), then abort()s.
[[noreturn]] void bug(const char* text, const char* where) noexcept;

} // namespace nmisim

#define NMISIM_STRINGIFY2(x) #x
#define NMISIM_STRINGIFY(x) NMISIM_STRINGIFY2(x)
#define BUG_ON(condition)                                                                                    \
    do {                                                                                                     \
        if (condition) [[unlikely]]                                                                          \
            ::nmisim::bug(#condition, __FILE__ ":" NMISIM_STRINGIFY(__LINE__));                              \
    } while (false)
