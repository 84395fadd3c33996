// SPDX-License-Identifier: MIT
#include "runtime/threads/task_status.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace nmisim::runtime {
namespace {

using status_text = std::array<char, 4096>;

/// What follows `row` in the thread's status; null where there is no such thread.
const char* status_row(pid_t tid, const char* row, status_text& text) noexcept
{
    std::array<char, 64> name;
    std::snprintf(name.data(), name.size(), "/proc/self/task/%d/status", tid);
    const int fd = open(name.data(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nullptr;
    text = {};
    std::size_t length = 0;
    for (ssize_t n;
         length < text.size() - 1 && (n = ::read(fd, &text[length], text.size() - 1 - length)) > 0;)
        length += static_cast<std::size_t>(n);
    close(fd);
    const char* const found = std::strstr(text.data(), row);
    return found != nullptr ? found + std::strlen(row) : nullptr;
}

} // namespace

bool blocks_signal(pid_t tid, int signo) noexcept
{
    status_text text;
    const char* const mask = status_row(tid, "\nSigBlk:", text);
    return mask != nullptr && (std::strtoull(mask, nullptr, 16) >> (signo - 1) & 1) != 0;
}

bool is_zombie(pid_t tid) noexcept
{
    status_text text;
    const char* const letter = status_row(tid, "\nState:\t", text);
    return letter != nullptr && (*letter == 'Z' || *letter == 'X');
}

} // namespace nmisim::runtime
