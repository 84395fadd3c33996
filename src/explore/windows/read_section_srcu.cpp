// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/srcu.hpp"

namespace nmisim::explore {

void read_section_srcu() noexcept
{
    read_section<rcu::srcu>();
}

} // namespace nmisim::explore
