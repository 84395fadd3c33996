// SPDX-License-Identifier: MIT
//
// One line of text to a function, from any context, NMI included: a fixed buffer on the stack. It exists because stdio and
// {fmt} allocate and lock. A text that does not fit is cut, not split.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmisim {

class message_line {
public:
    message_line& text(const char* s) noexcept;
    message_line& number(std::int64_t value) noexcept;
    message_line& hex(std::uint64_t value, int min_digits = 1) noexcept;
    /// With a newline and without a 0 at the end; null: nobody wants to read it.
    void give_to(void (*reader)(const char* line, std::size_t length) noexcept) noexcept;

private:
    void put(char c) noexcept;

    char buffer_[256];
    std::size_t length_ = 0;
};

/// A reader of lines that writes them to standard error, by one write(2). Context: any.
void write_to_standard_error(const char* line, std::size_t length) noexcept;

} // namespace nmisim
