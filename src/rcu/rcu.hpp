// SPDX-License-Identifier: MIT
//
// What the control side and vCPU workloads need of a flavor, chosen at run time: a table of functions. The
// NMI path does not go through it (src/nmi/entry_*.cpp inline their flavor's policy).
//
// One .cpp per flavor fills its table: liburcu declares call_rcu for the first flavor header of a translation
// unit only.
#pragma once

#include "base/vcpu_count.hpp"
#include "nmisim/flavor.hpp"

#include <cstddef>

namespace nmisim {

/// Room for liburcu's rcu_head, or another flavor's own; the first member of what is passed to call().
struct alignas(std::max_align_t) rcu_callback_head {
    std::byte storage[32];
};

struct rcu_ops {
    flavor id;

    // Context: vcpu or control, NMI blocked. A thread is a reader between the two, and only then.
    void (*register_thread)();
    void (*unregister_thread)();

    // Context: any, on a registered thread.
    void (*read_lock)();
    void (*read_unlock)();

    // Context: vcpu, outside of read-side sections. No-ops where a flavor has no such state.
    void (*quiescent_state)(); ///< "no pointer is held here"
    void (*thread_offline)();  ///< before sleeping: RCU stops watching
    void (*thread_online)();   ///< after sleeping

    // Context: control or vcpu outside of a read-side section; never NMI.
    void (*synchronize)(); ///< returns when every section that had begun has ended
    /// The same, for a caller that shares no grace period with others anyway, if that is cheaper.
    void (*synchronize_alone)();
    void (*call)(rcu_callback_head* head, void (*fn)(rcu_callback_head*)); ///< registered thread only
    void (*barrier)(); ///< returns when every callback passed to call() before has run
    void (
        *start_worker)(); ///< creates the callback thread; with all signals blocked (0.13 inherits the mask)

    /// Whether a grace period waits for the calling thread. Null: for every registered one. Context: any.
    bool (*is_watching)() noexcept = nullptr;

    // Null, but for a flavor whose reader is the vCPU's count (base/vcpu_count.hpp). Context: as register_thread.
    /// A count for a vCPU's life. Errors: std::length_error.
    vcpu_count* (*take_count)() = nullptr;
    void (*give_count_back)(vcpu_count* count) = nullptr; ///< no thread is registered with it any more
    /// register_thread for a vCPU's thread, which then reads on `count`.
    void (*register_vcpu)(vcpu_count* count) = nullptr;
};

/// Context: any. Progress: wait-free.
const rcu_ops& rcu_ops_of(flavor f) noexcept;

/// Whether the kernel offers membarrier(2); without it memb and bp readers fall back to memory barriers.
/// Context: control.
bool has_membarrier() noexcept;

} // namespace nmisim
