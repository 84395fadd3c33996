// SPDX-License-Identifier: MIT
#include "nmi/entry/entry.hpp"

#include "nmi/entry/entry_table.hpp"

namespace nmisim {

nmi_entry nmi_entry_of(flavor f, entry_kind kind, percpu_form form) noexcept
{
    switch (f) {
    case flavor::memb: return nmi_entry_memb(kind, form);
    case flavor::mb: return nmi_entry_mb(kind, form);
    case flavor::bp: return nmi_entry_bp(kind, form);
    case flavor::qsbr: return nmi_entry_qsbr(kind, form);
    case flavor::nmi: return nmi_entry_nmi(kind, form);
    case flavor::srcu: return nmi_entry_srcu(kind, form);
    }
    return nmi_entry_memb(kind, form);
}

} // namespace nmisim
