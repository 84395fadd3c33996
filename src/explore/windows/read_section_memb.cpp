// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/memb.hpp"

namespace nmisim::explore {

void read_section_memb() noexcept
{
    read_section<rcu::memb>();
}

} // namespace nmisim::explore
