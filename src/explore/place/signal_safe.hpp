// SPDX-License-Identifier: MIT
//
// What a signal handler may call, as a table of names with the source of each: POSIX's list, what compilers and libc
// call by themselves, and liburcu's read side. Functions known to be unsafe have a reason.
//
// A name stands for the forms that libc gives it: `__read_chk` (checked), `open64` and `__open64_2` (large files),
// `__libc_malloc`, `__GI_abort` and `__pthread_mutex_lock` (libc's own). Never for one that begins with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::explore {

/// The source that says that `function` may be called in a handler; empty: none.
std::string_view safe_by(std::string_view function);
bool is_signal_safe(std::string_view function);

enum class how_deep : std::uint8_t {
    called_by_the_handler,
    anywhere, ///< below functions that somebody vouches for: what allocates, locks or throws only at times is then
              ///< found by what it calls
};
/// Why `function` is wrong in a handler, wherever it is defined; empty: nothing is known against it.
std::string_view known_unsafe(std::string_view function, how_deep where = how_deep::called_by_the_handler);

/// `function` and the names that it is a form of, the plainest last.
std::vector<std::string> forms_of(std::string_view function);

/// Each name of the table of safe functions.
const std::vector<std::string>& signal_safe_names();

} // namespace nmisim::explore
