// SPDX-License-Identifier: MIT
//
// Flavor memb: the reader is two plain stores to its own counter, the updater orders them with two membarrier(2).
// Re-entrant at every instruction: an NMI leaves the interrupted reader's counter as it found it, and a stale value in
// the interrupted code is the same case as a preempted reader.
//
// Two readers. liburcu's own asks at each lock and twice at each unlock whether the system has membarrier(2),
// and issues a fence if not. The answer does not change once the library is loaded, so the dispatcher asks once
// and picks: a translation unit that defines CONFIG_RCU_FORCE_SYS_MEMBARRIER before this header, as liburcu's
// configure does where the answer is known, gets the reader that never asks (nmi/entry/entry_memb_forced.cpp).
#pragma once

#include "rcu/tls.hpp"

#include <urcu/urcu-memb.h>

#include "nmisim/flavor.hpp"

#include "annotations.hpp"      // rcu/annotations_*
#include "store_then_fence.hpp" // base/<cpu family>

namespace nmisim::rcu {

#ifdef CONFIG_RCU_FORCE_SYS_MEMBARRIER
static constexpr bool memb_asks = false;
#else
static constexpr bool memb_asks = true;
#endif

/// The parameter keeps the two apart in one program: their inline functions differ.
template <bool Asks>
struct memb_reader {
    static constexpr flavor id = flavor::memb;

    /// liburcu found membarrier(2) when it was loaded: readers need no fence. Context: any.
    static bool has_membarrier() noexcept { return urcu_memb_has_sys_membarrier != 0; }

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept
    {
        const inside_liburcu its_own;
        urcu_memb_read_lock();
    }
    static void read_unlock() noexcept
    {
        section_ends();
        const inside_liburcu its_own;
        urcu_memb_read_unlock();
    }

    /// What nmi_exit must undo.
    struct nmi_mark {};
    static nmi_mark nmi_enter() noexcept
    {
        read_lock();
        if constexpr (!store_then_fence_is_one_instruction)
            urcu_memb_smp_mb_slave(); // as in mb.hpp; no instruction where there is membarrier(2)
        return {};
    }
    static void nmi_exit(nmi_mark) noexcept { read_unlock(); }
};

using memb = memb_reader<memb_asks>;

} // namespace nmisim::rcu
