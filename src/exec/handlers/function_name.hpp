// SPDX-License-Identifier: MIT
//
// How people name a function of a program, and a place in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace nmisim::exec {

/// "qsort", "libc.so.6:qsort", or, where it has no name, "libfoo.so+0x1200".
struct function_name {
    std::string library;      ///< start of a file name; empty: any
    std::string name;         ///< empty: by its offset
    std::uint64_t offset = 0; ///< in the file, as objdump has it
};
std::optional<function_name> function_name_of(std::string_view text);

struct function_range {
    std::uintptr_t start = 0; ///< 0: not found
    std::uintptr_t end = 0;
};
/// In the process, now.
function_range range_of(const function_name& f, pid_t tgid);

/// An instruction of a function, and which time that it is come to: "work+0xf#2".
struct boundary_address {
    std::string function; ///< as function_name_of() takes it
    std::uint64_t offset = 0;
    std::uint64_t visit = 1;
};
std::optional<boundary_address> boundary_address_of(std::string_view text);
std::string text_of(const boundary_address& a);

} // namespace nmisim::exec
