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

std::size_t read_bytes(pid_t tid, std::uintptr_t at, std::span<unsigned char> to) noexcept
{
    std::size_t done = 0;
    while (done < to.size()) {
        const std::uintptr_t first = (at + done) & ~std::uintptr_t{7}; // a word does not cross a page
        const auto word = read_word(tid, first);
        if (!word)
            break;
        for (std::size_t i = at + done - first; i < sizeof *word && done < to.size(); ++i)
            to[done++] = static_cast<unsigned char>(*word >> (8 * i));
    }
    return done;
}

bool write_word(pid_t tid, std::uintptr_t at, std::uint64_t word) noexcept
{
    return ptrace(PTRACE_POKEDATA, tid, at, word) == 0;
}

} // namespace nmisim::exec
