// SPDX-License-Identifier: MIT
//
// Flavor mb: the reader orders itself with memory barriers, the updater only looks. Re-entrant at every
// instruction, for the same reason as memb.
#pragma once

#include "rcu/tls.hpp"

#include <urcu/urcu-mb.h>

#include "nmisim/flavor.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {

struct mb {
    static constexpr flavor id = flavor::mb;

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept
    {
        const inside_liburcu its_own;
        urcu_mb_read_lock();
    }
    static void read_unlock() noexcept
    {
        section_ends();
        const inside_liburcu its_own;
        urcu_mb_read_unlock();
    }

    /// What nmi_exit must undo.
    struct nmi_mark {};
    static nmi_mark nmi_enter() noexcept
    {
        read_lock();
        return {};
    }
    static void nmi_exit(nmi_mark) noexcept { read_unlock(); }
};

} // namespace nmisim::rcu
