// SPDX-License-Identifier: MIT
#include "base/message_line.hpp"

#include "base/invariant.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <unistd.h>

namespace nmisim {

void message_line::put(char c) noexcept
{
    if (length_ + 1 < sizeof buffer_) // one place is kept for the newline
        buffer_[length_++] = c;
}

message_line& message_line::text(const char* s) noexcept
{
    while (*s != '\0')
        put(*s++);
    return *this;
}

message_line& message_line::number(std::int64_t value) noexcept
{
    char digits[20]{};
    const char* const end = std::to_chars(digits, std::end(digits), value).ptr;
    for (const char* c = digits; c != end; ++c)
        put(*c);
    return *this;
}

message_line& message_line::hex(std::uint64_t value, int min_digits) noexcept
{
    char digits[16]{};
    const char* const end = std::to_chars(digits, std::end(digits), value, 16).ptr;
    for (auto n = end - digits; n < std::min(min_digits, 16); ++n)
        put('0');
    for (const char* c = digits; c != end; ++c)
        put(*c);
    return *this;
}

void message_line::give_to(void (*reader)(const char* line, std::size_t length) noexcept) noexcept
{
    buffer_[length_++] = '\n';
    if (reader != nullptr)
        reader(buffer_, length_);
    length_ = 0;
}

void write_to_standard_error(const char* line, std::size_t length) noexcept
{
    if (::write(STDERR_FILENO, line, length) < 0) {
        // Nothing to be done, and nobody left to tell.
    }
}

void bug(const char* text, const char* where) noexcept
{
    message_line()
        .text("nmi-sim: BUG: ")
        .text(text)
        .text(" at ")
        .text(where)
        .give_to(write_to_standard_error);
    std::abort();
}

} // namespace nmisim
