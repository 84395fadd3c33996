// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/bp.hpp"

namespace nmisim::explore {

void read_section_bp() noexcept
{
    read_section<rcu::bp>();
}

} // namespace nmisim::explore
