// SPDX-License-Identifier: MIT
//
// What one swap of the controller is: build, publish, wait a grace period, reclaim, each timed. The NMI's handler is
// published and waited for by machine::exchange(), the function that users call; the handler of an IRQ line, one on a
// chain and one that call_rcu() reclaims are published step by step. So are the writer's faults, each of which does
// exactly one of the four wrong (faults/wrong_swap.hpp).
//
// Context: control; step() is called by one thread, reclaim by that thread or liburcu's callback thread.
#pragma once

#include "base/histogram.hpp"
#include "faults/wrong_swap.hpp"
#include "machine/machine_state.hpp"
#include "nmi/record/trace_ring.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "verify/parts/element_pool.hpp"
#include "verify/run_config.hpp"

#include <memory>

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

class swapper : private swap_steps, private exchange_watch {
public:
    /// `irq`: swaps that IRQ line's handler; nmi_slot: the NMI's.
    swapper(machine& m, element_pool& pool, reclaim how, const wrong_swap& wrong, int irq = nmi_slot);
    virtual ~swapper() = default;
    swapper(const swapper&) = delete; // its callbacks know it by its address
    swapper& operator=(const swapper&) = delete;

    /// Publishes the first handler, before any NMI is raised.
    void first();
    /// One swap.
    void step();
    /// Unpublishes the last handler, waits, reclaims, and waits for every deferred reclaim.
    void last();

    const swap_times& times() const noexcept { return times_; }

protected:
    /// Where handlers are published: the slot itself, or a chain.
    void set(nmi_callback& callback) override;
    /// Between publishing and waiting.
    void published() noexcept override;
    machine& machine_;

private:
    std::atomic<nmi_callback*>& slot() noexcept final;
    void synchronize_rcu() final { machine_.synchronize_rcu(); }
    /// Raises the slot's NMI or IRQ on every vCPU and waits until one has run there.
    void nmi_everywhere() final;
    int tries() const noexcept final { return 16384; }

    /// From the current handler published to `next` published (null: the dummy).
    void publish(element* next);
    /// The same and a grace period. What nobody can see any more, null: nothing was published.
    element* exchange(element* next);
    void reclaim_now(element& old);
    /// A slice of this thread's timeline, if there is one.
    void trace(trace_kind kind, std::uint64_t begin_ns, std::uint64_t end_ns, const element& e) const;
    void retire(element& old);
    static void reclaim_callback(rcu_callback_head* head);

    interrupt_line& line(int cpu) noexcept;

    element_pool& pool_;
    const reclaim how_;
    const wrong_swap& wrong_;
    const int irq_;
    const bool by_hand_; ///< not by machine::exchange()
    element* current_ = nullptr;
    element* next_ = nullptr; ///< while one is being published
    std::uint64_t begin_ns_ = 0;
    std::uint64_t published_ns_ = 0;
    unsigned reclaims_ = 0;
    swap_times times_;
};

/// `irq` nmi_chain_slot: through the LOCAL chain.
std::unique_ptr<swapper> make_swapper(machine& m, element_pool& pool, reclaim how, const wrong_swap& wrong,
                                      int irq = nmi_slot);

} // namespace nmisim
