// SPDX-License-Identifier: MIT
//
// The known-bad variants: each leaves out one ingredient of the pattern, and one check must notice. This is
// the test of the tests, as rcutorture's torture_type=busted. The table in fault.cpp says for each what is
// left out and which check is to catch it; docs/invariants.md shows the same from the side of the invariants.
#pragma once

#include "nmi/check.hpp"
#include "nmisim/flavor.hpp"

#include <span>
#include <string_view>

namespace nmisim {

enum class fault {
    none,
    // I1 grace-period
    no_grace_period,
    no_read_lock,
    leak_pointer,
    rcu_not_watching,
    early_unregister,
    // I2 publish-order
    publish_before_init,
    plain_publish,
    // I3 conservation
    drop_latched,
    // I4 nesting
    unbalanced_exit,
    irq_in_nmi,
    nested_stack,
    // I5 exactly-once
    unset_then_set,
    add_then_remove,
    // I6 reclaim
    leak_retired,
    double_reclaim,
    // I7 progress
    stuck_handler,
    synchronize_in_nmi,
    hard_lockup,
    // I8 errno
    clobber_errno,
    // I9 signal-safety
    malloc_in_nmi,
    lock_in_nmi,
};

struct fault_info {
    nmisim::fault id;
    std::string_view name;     ///< as on the command line
    check caught_by;           ///< the check that must fail
    std::string_view left_out; ///< one sentence: what the variant does wrong
};

/// Every fault except `none`, in the order of the enum.
std::span<const fault_info> all_faults() noexcept;
const fault_info* find_fault(std::string_view name) noexcept;
std::string_view name_of(fault f) noexcept;

/// Shown with IRQ lines only: a run with this fault has at least one.
bool needs_irqs(fault f) noexcept;

/// Why this fault cannot be shown with this flavor or in this build, or an empty text when it can.
std::string_view not_applicable(fault f, flavor with) noexcept;

} // namespace nmisim
