// SPDX-License-Identifier: MIT
//
// Words of a traced process, by PTRACE_PEEKDATA and POKEDATA: they work for whoever traces, also on code that is mapped
// read-only, and where /proc/PID/mem is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <sys/types.h>

namespace nmisim::exec {

std::optional<std::uint64_t> read_word(pid_t tid, std::uintptr_t at) noexcept;
/// How many could be read: fewer where the mapping ends.
std::size_t read_bytes(pid_t tid, std::uintptr_t at, std::span<unsigned char> to) noexcept;
bool write_word(pid_t tid, std::uintptr_t at, std::uint64_t word) noexcept;

} // namespace nmisim::exec
