// SPDX-License-Identifier: MIT
//
// Flavor mb: the reader orders itself with memory barriers, the updater only looks. Re-entrant at every
// instruction: an NMI leaves the interrupted reader's counter as it found it. An NMI between the store and the fence
// of an outermost section nests in a section that an updater may not see yet, and liburcu does not fence nested ones.
// nmi_enter() does, if the way into a signal handler orders no memory (aarch64; x86-64's ends with iret, which does).
#pragma once

#include "rcu/tls.hpp"

#include "smp_mb.hpp" // base/<cpu family>

// liburcu's inlined readers get the cheaper fence.
#include <urcu/arch.h>
#undef cmm_smp_mb
#define cmm_smp_mb() ::nmisim::smp_mb()
#include <urcu/urcu-mb.h>

#include "nmisim/flavor.hpp"

#include "annotations.hpp"      // rcu/annotations_*
#include "store_then_fence.hpp" // base/<cpu family>

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
        if constexpr (!store_then_fence_is_one_instruction)
            cmm_smp_mb();
        return {};
    }
    static void nmi_exit(nmi_mark) noexcept { read_unlock(); }
};

} // namespace nmisim::rcu
