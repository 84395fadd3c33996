// SPDX-License-Identifier: MIT
//
// Flavor memb: the reader is two plain stores to its own counter, the updater makes them ordered with two
// membarrier(2). Re-entrant at every instruction: an NMI leaves the interrupted reader's counter as it found
// it, and a stale value in the interrupted code is the same case as a preempted reader.
#pragma once

#include "rcu/tls.hpp"

#include <urcu/urcu-memb.h>

#include "nmisim/flavor.hpp"

namespace nmisim::rcu {

struct memb {
    static constexpr flavor id = flavor::memb;

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept { urcu_memb_read_lock(); }
    static void read_unlock() noexcept { urcu_memb_read_unlock(); }

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
