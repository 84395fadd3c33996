// SPDX-License-Identifier: MIT
//
// Flavor qsbr: a reader is free, because a grace period waits until every online thread has announced a
// quiescent state. So an NMI on an online vCPU is protected by what the vCPU does *not* do meanwhile, and an
// NMI on an offline (idle) one is invisible. nmi_enter() therefore brings an offline vCPU online for the
// length of the NMI, as the kernel's ct_nmi_enter() makes RCU watch an idle CPU. liburcu advises against qsbr readers
// in handlers; without this step that advice is right (fault rcu-not-watching).
//
// The NMI may hit inside thread_online() or thread_offline() of the interrupted code: both are one store to the vCPU's
// own counter. Before the store the NMI sees the old state and restores it; the store then happens as if there had been
// no NMI. A counter read before and stored after the NMI is at worst too old: then an updater waits for this vCPU once
// more than needed.
#pragma once

#include "rcu/tls.hpp"

#include <urcu/urcu-qsbr.h>

#include "nmisim/flavor.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {

struct qsbr {
    static constexpr flavor id = flavor::qsbr;

    // Context: any, on a registered and online thread. Progress: wait-free, no instruction at all.
    static void read_lock() noexcept
    {
        const inside_liburcu its_own;
        urcu_qsbr_read_lock();
    }
    static void read_unlock() noexcept { urcu_qsbr_read_unlock(); }

    /// For nmi/context_tracking.hpp. Context: any, on a registered thread. Progress: wait-free.
    static bool is_watching() noexcept { return urcu_qsbr_read_ongoing() != 0; }
    static void start_watching() noexcept
    {
        const inside_liburcu its_own;
        urcu_qsbr_thread_online();
    }
    static void stop_watching() noexcept
    {
        section_ends();
        const inside_liburcu its_own;
        urcu_qsbr_thread_offline();
    }
};

} // namespace nmisim::rcu
