// SPDX-License-Identifier: MIT
//
// The ingredients of a machine that a fault can leave out.
#pragma once

#include "nmi/entry/entry_policy.hpp"

namespace nmisim {

struct machine_faults {
    entry_kind entry = entry_kind::correct;
    bool register_vcpus = true;      ///< false: vCPUs are unknown to RCU, their readers silently unprotected
    bool unregister_early = false;   ///< true: RCU forgets a vCPU that goes offline before its last NMI
    bool irqs_blocked_in_nmi = true; ///< false: the NMI's signal leaves IRQs open, which then interrupt it
};

} // namespace nmisim
