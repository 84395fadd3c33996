// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/nmi.hpp"

namespace nmisim::explore {

void read_section_nmi() noexcept
{
    read_section<rcu::nmi>();
}

} // namespace nmisim::explore
