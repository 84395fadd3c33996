// SPDX-License-Identifier: MIT
#include "nmi/entry/entry_table.hpp"
#include "rcu/nmi.hpp"

namespace nmisim {

nmi_entry nmi_entry_nmi(entry_kind kind, percpu_form form) noexcept
{
    if (kind == entry_kind::no_reader_fence)
        return make_nmi_entry<rcu::unfenced_nmi>(entry_kind::correct, form);
    return make_nmi_entry<rcu::nmi>(kind, form);
}

} // namespace nmisim
