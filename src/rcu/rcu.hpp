// SPDX-License-Identifier: MIT
//
// What the control side and vCPU workloads need of a flavor, chosen at run time: a table of functions. The NMI path
// does not use it (src/nmi/entry/entry_*.cpp inline their flavor's policy).
//
// One .cpp per flavor defines its table: liburcu declares call_rcu for the first flavor header of a translation
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

/// Whose readers a grace period waits for. All flavors but those with make_domain() have one: the process.
struct rcu_domain;

/// What read_unlock() is to end: what read_lock() returned.
struct rcu_mark {
    void* where = nullptr;
};

/// Where a function takes a domain: one that make_domain() made, or null where there is none.
struct rcu_ops {
    flavor id;

    // Context: vcpu or control, NMI blocked. A thread is a reader between the two, and only then.
    void (*register_thread)();
    void (*unregister_thread)();

    // Context: any, on a registered thread.
    rcu_mark (*read_lock)(rcu_domain*);
    void (*read_unlock)(rcu_domain*, rcu_mark);

    // Context: vcpu, outside of read-side sections. No-ops where a flavor has no such state.
    void (*quiescent_state)() = [] {}; ///< "no pointer is held here"
    void (*thread_offline)() = [] {};  ///< before sleeping: RCU stops watching
    void (*thread_online)() = [] {};   ///< after sleeping

    // Context: control or vcpu outside of a read-side section; never NMI.
    void (*synchronize)(rcu_domain*); ///< returns when every section that had begun has ended
    /// The same, for a caller that shares no grace period with others anyway, if that is cheaper.
    void (*synchronize_alone)(rcu_domain*);
    /// Faults no-updater-fence and no-membarrier: it begins without the updater's fence, or without the membarrier(2) that
    /// stands for the readers' fences. One reader at a time. With mb and qsbr as synchronize: liburcu's fences are inside it.
    void (*synchronize_unfenced)(rcu_domain*);
    /// Registered thread only.
    void (*call)(rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*));
    void (*barrier)(rcu_domain*); ///< returns when every callback passed to call() before has run
    /// Creates the callback thread; with all signals blocked (0.13 inherits the mask).
    void (*start_worker)(rcu_domain*);

    /// Whether a grace period waits for the calling thread. Null: for every registered one. Context: any.
    bool (*is_watching)() noexcept = nullptr;

    // Context: control. A domain is destroyed when its callbacks have run and nobody reads in it. Null: one for all.
    rcu_domain* (*make_domain)() = nullptr;
    void (*destroy_domain)(rcu_domain*) = nullptr;

    // Null, but for a flavor whose reader is the vCPU's count (base/vcpu_count.hpp). Context: as register_thread.
    /// A count for a vCPU's life. Errors: std::length_error.
    vcpu_count* (*take_count)() = nullptr;
    void (*give_count_back)(vcpu_count* count) = nullptr; ///< no thread is registered with it any more
    /// register_thread for a vCPU's thread, which then reads on `count`.
    void (*register_vcpu)(vcpu_count* count) = nullptr;
};

namespace rcu {
extern const rcu_ops memb_ops;
extern const rcu_ops mb_ops;
extern const rcu_ops bp_ops;
extern const rcu_ops qsbr_ops;
extern const rcu_ops nmi_ops;
extern const rcu_ops srcu_ops;
} // namespace rcu

/// Context: any. Progress: wait-free.
const rcu_ops& rcu_ops_of(flavor f) noexcept;

/// A flavor with a domain of its own, where it has such. Each function: see rcu_ops.
class domain_rcu {
public:
    explicit domain_rcu(flavor f)
        : ops_(rcu_ops_of(f)), domain_(ops_.make_domain == nullptr ? nullptr : ops_.make_domain())
    {}
    ~domain_rcu()
    {
        if (domain_ != nullptr)
            ops_.destroy_domain(domain_);
    }
    domain_rcu(const domain_rcu&) = delete;
    domain_rcu& operator=(const domain_rcu&) = delete;

    rcu_domain* domain() const noexcept { return domain_; }

    void register_thread() const { ops_.register_thread(); }
    void unregister_thread() const { ops_.unregister_thread(); }
    rcu_mark read_lock() const { return ops_.read_lock(domain_); }
    void read_unlock(rcu_mark mark) const { ops_.read_unlock(domain_, mark); }
    void quiescent_state() const { ops_.quiescent_state(); }
    void thread_offline() const { ops_.thread_offline(); }
    void thread_online() const { ops_.thread_online(); }
    void synchronize() const { ops_.synchronize(domain_); }
    void synchronize_alone() const { ops_.synchronize_alone(domain_); }
    void synchronize_unfenced() const { ops_.synchronize_unfenced(domain_); }
    void call(rcu_callback_head* head, void (*fn)(rcu_callback_head*)) const { ops_.call(domain_, head, fn); }
    void barrier() const { ops_.barrier(domain_); }
    void start_worker() const { ops_.start_worker(domain_); }

    /// The reader is the vCPU's count: the next three are to be called.
    bool counts_vcpus() const noexcept { return ops_.take_count != nullptr; }
    vcpu_count* take_count() const { return ops_.take_count(); }
    void give_count_back(vcpu_count* count) const { ops_.give_count_back(count); }
    void register_vcpu(vcpu_count* count) const { ops_.register_vcpu(count); }

    /// False: RCU watches every registered thread, and is_watching() is not to be asked.
    bool knows_idle() const noexcept { return ops_.is_watching != nullptr; }
    bool is_watching() const noexcept { return ops_.is_watching(); }

private:
    const rcu_ops& ops_;
    rcu_domain* const domain_;
};

/// Whether the kernel offers membarrier(2); without it memb and bp readers fall back to memory barriers.
/// Context: control.
bool has_membarrier() noexcept;

} // namespace nmisim
