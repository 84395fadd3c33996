// SPDX-License-Identifier: MIT
#include "exec/trace/memory.hpp"

#include <cerrno>

#include <sys/ptrace.h>

namespace nmisim::exec {

std::optional<std::uint64_t> read_word(pid_t tid, std::uintptr_t at) noexcept
{
    errno = 0;
    const long word = ptrace(PTRACE_PEEKDATA, tid, at, nullptr);
    if (errno != 0)
        return std::nullopt;
    return static_cast<std::uint64_t>(word);
}

bool write_word(pid_t tid, std::uintptr_t at, std::uint64_t word) noexcept
{
    return ptrace(PTRACE_POKEDATA, tid, at, word) == 0;
}

} // namespace nmisim::exec
