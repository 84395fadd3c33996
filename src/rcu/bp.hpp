// SPDX-License-Identifier: MIT
//
// Flavor bp: a reader registers itself on first use, with all signals blocked. A vCPU registers before its
// NMI is unblocked and ends its thread with the NMI blocked: bp's thread exit takes a lock with signals unblocked, and
// a reader in a handler at that moment would wait for the lock for ever (docs/findings).
#pragma once

#include "rcu/tls.hpp"

#include <urcu/urcu-bp.h>

#include "nmisim/flavor.hpp"

#include "annotations.hpp"      // rcu/annotations_*
#include "store_then_fence.hpp" // base/<cpu family>

namespace nmisim::rcu {

struct bp {
    static constexpr flavor id = flavor::bp;

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept
    {
        const inside_liburcu its_own;
        urcu_bp_read_lock();
    }
    static void read_unlock() noexcept
    {
        section_ends();
        const inside_liburcu its_own;
        urcu_bp_read_unlock();
    }

    /// What nmi_exit must undo.
    struct nmi_mark {};
    static nmi_mark nmi_enter() noexcept
    {
        read_lock();
        if constexpr (!store_then_fence_is_one_instruction)
            urcu_bp_smp_mb_slave(); // as in mb.hpp; no instruction where there is membarrier(2)
        return {};
    }
    static void nmi_exit(nmi_mark) noexcept { read_unlock(); }
};

} // namespace nmisim::rcu
