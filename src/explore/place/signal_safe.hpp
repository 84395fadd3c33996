// SPDX-License-Identifier: MIT
//
// What a signal handler may call: POSIX.1-2017's list (signal-safety(7)), what compilers and libc call by
// themselves, and liburcu's read side. What is known to be wrong gets its reason.
#pragma once

#include <string>
#include <string_view>

namespace nmisim::explore {

bool is_signal_safe(std::string_view function) noexcept;

/// Why `function` is wrong in a handler, wherever it is defined; empty: nothing is known against it.
std::string_view known_unsafe(std::string_view function) noexcept;

} // namespace nmisim::explore
