// SPDX-License-Identifier: MIT
#include "machine/backtrace/unwind.hpp"

namespace nmisim {

std::vector<std::uintptr_t> unwind(const stack_snapshot& from)
{
    return from.ip == 0 ? std::vector<std::uintptr_t>() : std::vector{from.ip};
}

} // namespace nmisim
