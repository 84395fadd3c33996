// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/mb.hpp"

namespace nmisim::explore {

void read_section_mb() noexcept
{
    read_section<rcu::mb>();
}

} // namespace nmisim::explore
