// SPDX-License-Identifier: MIT
//
// The faults: each leaves out one ingredient of the pattern, and one check must notice. They test the tests, as
// rcutorture's torture_type=busted does. The table in fault.cpp has one row for each, with all that a run (src/verify)
// and an exploration (src/explore) need to know. A new fault is a name in the enum, its row, and its code:
// bad_handlers.cpp, wrong_swap.cpp, or an ingredient of a machine (machine_faults.hpp). docs/invariants.md lists the
// same faults by invariant.
#pragma once

#include "faults/bad_handlers.hpp"
#include "faults/wrong_swap.hpp"
#include "machine/machine_faults.hpp"
#include "nmi/check.hpp"
#include "nmisim/flavor.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nmisim {

enum class fault : std::uint8_t {
    none,
    // I1 grace-period
    no_grace_period,
    no_read_lock,
    leak_pointer,
    rcu_not_watching,
    early_unregister,
    no_reader_fence,
    no_updater_fence,
    no_membarrier,
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

/// What a run needs so that chance finds the fault soon; each is an option that the correct code takes as well. The run
/// sets what the user has left at its default, and says so (src/verify/widen.cpp).
struct widening {
    bool irqs = false;          ///< an IRQ line
    bool nested_nmis = false;   ///< NMIs that interrupt NMIs
    bool slow_handlers = false; ///< handlers that stay a while
    bool idle_vcpus =
        false;            ///< with flavor qsbr, which protects an NMI on an online vCPU by what the vCPU does
                          ///< not do: only an offline one shows the fault
    bool hotplug = false; ///< vCPUs that go offline and come back
    bool swaps_back_to_back = false;  ///< no pause between two swaps
    bool controller_on_vcpu = false;  ///< NMIs that interrupt the publishing code
    bool short_stall_timeout = false; ///< a run that soon gives up waiting
    bool watchdog = false;            ///< the handler that finds hard lockups
};

struct fault_info {
    nmisim::fault id = fault::none;
    std::string_view name{};     ///< as on the command line
    check caught_by{};           ///< the check that must fail
    std::string_view left_out{}; ///< one sentence: what the variant does wrong
    std::string_view
        explored_in{}; ///< the window in which explore finds it; empty: no matter of an instruction
    /// With store buffers only (--memory tso). Then chance is no way to find it, and a run is refused.
    bool needs_store_buffers = false;

    // Its code.
    machine_faults machine{};                        ///< what the machine does without
    std::optional<machine_faults> machine_of_qsbr{}; ///< flavor qsbr, where that is another thing
    wrong_swap swap{};                               ///< what a swap does wrong
    bad_deed in_handler = nullptr;                   ///< what handlers do that they must not
    bad_workload in_workload = nullptr;              ///< what vCPU 0 does that it must not

    // Showing it.
    widening widened_by{};
    std::string_view not_on_a_chain{}; ///< why it cannot be shown with --chain
    /// Why it cannot be shown with this flavor, or in this build.
    std::string_view (*not_applicable)(flavor) noexcept = nullptr;
};

/// Every fault except `none`, in the order of the enum.
std::span<const fault_info> all_faults() noexcept;
/// Null: no fault has this name.
const fault_info* find_fault(std::string_view name) noexcept;
/// Its row; `none` has one too, with nothing in it.
const fault_info& info_of(fault f) noexcept;

inline std::string_view name_of(fault f) noexcept
{
    return info_of(f).name;
}

/// Why this fault cannot be shown with this flavor or in this build, or an empty text when it can.
std::string_view not_applicable(fault f, flavor with) noexcept;

/// Why a run is not the way to find this fault, or an empty text when it is.
std::string_view only_explored(fault f) noexcept;

/// What a machine of this flavor is to do without.
machine_faults machine_faults_of(fault f, flavor with) noexcept;

} // namespace nmisim
