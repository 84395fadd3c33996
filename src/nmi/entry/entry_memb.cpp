// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/memb.hpp"

namespace nmisim {

nmi_entry nmi_entry_memb(entry_kind kind, percpu_form form) noexcept
{
    return rcu::memb::has_membarrier() ? nmi_entry_memb_forced(kind, form)
                                       : make_nmi_entry<rcu::memb>(kind, form);
}

} // namespace nmisim
