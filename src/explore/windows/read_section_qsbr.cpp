// SPDX-License-Identifier: MIT
#include "explore/windows/read_section.hpp"

#include "rcu/qsbr.hpp"

namespace nmisim::explore {

void read_section_qsbr() noexcept
{
    read_section<rcu::qsbr>();
}

} // namespace nmisim::explore
