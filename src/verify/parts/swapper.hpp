// SPDX-License-Identifier: MIT
//
// What one swap of the controller is: build, publish, wait a grace period, reclaim, each timed. The faults of
// the writer's side are subclasses that get exactly one of the four wrong (swap_faults.cpp).
//
// Context: control; step() is called by one thread, reclaim by that thread or liburcu's callback thread.
#pragma once

#include "base/histogram.hpp"
#include "nmi/record/trace_ring.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "verify/parts/element_pool.hpp"
#include "verify/run_config.hpp"

#include <memory>
#include <mutex>

namespace nmisim {

struct swap_times {
    histogram publish;
    histogram grace_period;
    histogram reclaim;
    histogram swap;
};

/// Not an IRQ line: the machine's one NMI callback.
inline constexpr int nmi_slot = -1;
/// The same, behind the LOCAL chain.
inline constexpr int nmi_chain_slot = -2;

class swapper {
public:
    /// `irq`: swaps that IRQ line's handler; nmi_slot: the NMI's.
    swapper(machine& m, element_pool& pool, reclaim how, int irq = nmi_slot);
    virtual ~swapper() = default;
    swapper(const swapper&) = delete;
    swapper& operator=(const swapper&) = delete;

    /// Publishes the first handler, before any NMI is raised.
    void first();
    /// One swap.
    void step();
    /// Unpublishes the last handler, waits, reclaims, and waits for every deferred reclaim.
    void last();

    const swap_times& times() const noexcept { return times_; }

protected:
    /// From the old handler published to the new one published.
    virtual void publish(element& next);
    virtual void wait_grace_period();
    virtual void reclaim_now(element& old);
    virtual element* build() { return pool_.take(); }

    /// Raises the slot's NMI or IRQ on every vCPU and waits until one has run there: the injection point that
    /// makes a fault's window as wide as it has to be, instead of hoping that one falls into it.
    void nmi_everywhere();

    std::atomic<nmi_callback*>& slot() noexcept;
    /// Where handlers are published: the slot itself, or a chain (swap_faults.cpp).
    virtual void set(nmi_callback& callback) { rcu_assign_pointer(slot(), &callback); }
    void unset() { set(dummy_nmi_callback); }

    machine& machine_;
    element_pool& pool_;
    element* current_ = nullptr;

private:
    /// A slice of this thread's timeline, if there is one.
    void trace(trace_kind kind, std::uint64_t begin_ns, std::uint64_t end_ns, const element& e) const;
    void retire(element& old);
    void retire_deferred(element& old);
    static void reclaim_callback(rcu_callback_head* head);

    nmi_line& line(int cpu) noexcept;

    const reclaim how_;
    const int irq_;
    swap_times times_;
};

/// The correct swapper, or the one that a fault asks for. `irq` nmi_chain_slot: through the LOCAL chain.
std::unique_ptr<swapper> make_swapper(fault f, machine& m, element_pool& pool, reclaim how,
                                      int irq = nmi_slot);

} // namespace nmisim
