// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/srcu.hpp"

namespace nmisim {

nmi_entry nmi_entry_srcu(entry_kind kind, percpu_form form) noexcept
{
    if (kind == entry_kind::no_reader_fence)
        return make_nmi_entry<rcu::unfenced_srcu>(entry_kind::correct, form);
    return make_nmi_entry<rcu::srcu>(kind, form);
}

} // namespace nmisim
