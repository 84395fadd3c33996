// SPDX-License-Identifier: MIT
#pragma once

#include "explore/decode/code_bytes.hpp"

#include <vector>

/// An instruction of x86-64, and NOPs behind it.
inline nmisim::explore::code_bytes bytes(const std::vector<int>& of)
{
    nmisim::explore::code_bytes c;
    for (const int b : of)
        c.byte[c.size++] = static_cast<unsigned char>(b);
    while (c.size < c.byte.size())
        c.byte[c.size++] = 0x90;
    return c;
}
