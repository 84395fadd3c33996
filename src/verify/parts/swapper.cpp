// SPDX-License-Identifier: MIT
#include "verify/parts/swapper.hpp"

#include "base/clock.hpp"
#include "nmi/raise.hpp"
#include "nmisim/nmi_chain.hpp"

#include <cstddef>
#include <sched.h>
#include <utility>
#include <vector>

namespace nmisim {
namespace {

element& element_of(rcu_callback_head* head) noexcept
{
    // element is not standard-layout; offsetof works on every supported compiler and is checked by a test.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
    return *reinterpret_cast<element*>(reinterpret_cast<std::byte*>(head) - offsetof(element, head));
#pragma GCC diagnostic pop
}

/// Publishes on the LOCAL chain. The registry waits a grace period at each change, so that the swapper's own is a
/// second one; what betrays the registry's are the handlers of chain_part.
class chain_swapper final : public swapper {
public:
    using swapper::swapper;

private:
    void set(nmi_callback& callback) override
    {
        if (&callback == &dummy_nmi_callback)
            registration_ = nmi_registration();
        else if (registration_)
            static_cast<void>(registration_.replace(nmi_handler(&callback))); // the pool's: destroys nothing
        else
            registration_ = register_nmi_handler(machine_, nmi_type::local, callback, 0, "nmi_callback");
    }
    nmi_registration registration_;
};

} // namespace

std::unique_ptr<swapper> make_swapper(machine& m, element_pool& pool, reclaim how, const wrong_swap& wrong,
                                      int irq)
{
    if (irq == nmi_chain_slot)
        return std::make_unique<chain_swapper>(m, pool, how, wrong, irq);
    return std::make_unique<swapper>(m, pool, how, wrong, irq);
}

swapper::swapper(machine& m, element_pool& pool, reclaim how, const wrong_swap& wrong, int irq)
    : machine_(m), pool_(pool), how_(how), wrong_(wrong), irq_(irq),
      by_hand_(irq != nmi_slot || how != reclaim::sync || !wrong.is_right())
{}

void swapper::set(nmi_callback& callback)
{
    rcu_assign_pointer(slot(), &callback);
}

std::atomic<nmi_callback*>& swapper::slot() noexcept
{
    nmi_domain& domain = internals(machine_).domain;
    return irq_ < 0 ? domain.callback : domain.irqs[irq_].action;
}

interrupt_line& swapper::line(int cpu) noexcept
{
    machine_state& state = internals(machine_);
    return irq_ < 0 ? state.area(cpu).line : state.irq(cpu, irq_).line;
}

void swapper::first()
{
    element* const e = pool_.take();
    publish(e);
    if (!by_hand_) // as exchange() leaves it; no older handler has readers to wait for
        internals(machine_).owned.reset(e);
}

void swapper::publish(element* next)
{
    next_ = next;
    begin_ns_ = now_ns();
    if (next == nullptr)
        unset();
    else if (current_ != nullptr && wrong_.publish != nullptr)
        wrong_.publish(*this, *current_, *next);
    else
        set(*next);
    published();
}

void swapper::published() noexcept
{
    published_ns_ = now_ns();
    element* const old = std::exchange(current_, next_);
    if (current_ != nullptr)
        pool_.published(*current_);
    if (old == nullptr)
        return;
    pool_.retire(*old);
    if (current_ == nullptr)
        return;
    times_.publish.record(published_ns_ - begin_ns_);
    trace(trace_kind::publish, begin_ns_, published_ns_, *current_);
}

element* swapper::exchange(element* next)
{
    if (by_hand_) {
        element* const old = current_;
        publish(next);
        if (old != nullptr && (wrong_.waits || next == nullptr))
            synchronize_rcu();
        return old;
    }
    next_ = next;
    begin_ns_ = now_ns();
    internals(machine_).watch = this;
    exchange_result result = machine_.exchange(nmi_handler(next));
    internals(machine_).watch = nullptr;
    return static_cast<element*>(result.old.release()); // the pool's
}

void swapper::reclaim_now(element& old)
{
    for (unsigned n = ++reclaims_ % 16 == 0 ? wrong_.reclaims_of_every_16th : 1; n > 0; --n)
        pool_.reclaim(old);
}

void swapper::step()
{
    element* next = pool_.take(wrong_.builds_complete);
    if (next == nullptr) { // every handler waits for its grace period, or was leaked
        internals(machine_).rcu.barrier();
        next = pool_.take(wrong_.builds_complete);
        if (next == nullptr)
            return;
    }
    if (how_ == reclaim::sync) {
        retire(*exchange(next));
        times_.swap.record(now_ns() - begin_ns_);
    } else {
        element& old = *current_;
        publish(next);
        old.owner = this;
        internals(machine_).deferred_begun.fetch_add(1, std::memory_order_relaxed); // for the stall watch
        internals(machine_).rcu.call(&old.head, reclaim_callback);
    }
    trace(trace_kind::swap, begin_ns_, now_ns(), *next);
}

void swapper::trace(trace_kind kind, std::uint64_t begin_ns, std::uint64_t end_ns, const element& e) const
{
    if (this_trace != nullptr)
        trace_slice(kind, begin_ns, end_ns, e.generation.load(std::memory_order_relaxed),
                    pool_.books().waiting());
}

void swapper::retire(element& old)
{
    const std::uint64_t ended_ns = now_ns();
    if (current_ != nullptr)
        times_.grace_period.record(ended_ns - published_ns_);
    trace(trace_kind::grace_period, published_ns_, ended_ns, old);
    reclaim_now(old);
    const std::uint64_t reclaimed_ns = now_ns();
    if (current_ != nullptr)
        times_.reclaim.record(reclaimed_ns - ended_ns);
    trace(trace_kind::reclaim, ended_ns, reclaimed_ns, old);
}

void swapper::reclaim_callback(rcu_callback_head* head)
{
    element& old = element_of(head);
    auto& self = *static_cast<swapper*>(old.owner);
    const std::uint64_t ended_ns = now_ns();
    self.times_.grace_period.record(ended_ns - old.retired_ns);
    self.times_.swap.record(ended_ns - old.retired_ns);
    internals(self.machine_).deferred_grace_periods.fetch_add(1, std::memory_order_relaxed);
    self.reclaim_now(old);
    const std::uint64_t reclaimed_ns = now_ns();
    self.times_.reclaim.record(reclaimed_ns - ended_ns);
    trace_log* const log = internals(self.machine_).trace;
    const traced_thread traced(log == nullptr ? nullptr : &log->reclaimer());
    self.trace(trace_kind::reclaim, ended_ns, reclaimed_ns, old);
}

void swapper::last()
{
    element* const old = exchange(nullptr);
    if (how_ == reclaim::call_rcu)
        internals(machine_).rcu.barrier(); // the worker has ended before this thread reclaims
    if (old != nullptr)
        retire(*old);
}

void swapper::nmi_everywhere()
{
    std::vector<std::uint64_t> before;
    before.reserve(static_cast<std::size_t>(machine_.cpus()));
    for (int cpu = 0; cpu < machine_.cpus(); ++cpu)
        before.push_back(line(cpu).completed.load(std::memory_order_relaxed));
    for (int cpu = 0; cpu < machine_.cpus(); ++cpu)
        raise_on(line(cpu));
    const std::uint64_t deadline_ns = now_ns() + 50'000'000; // a vCPU without a Linux CPU is not waited for
    for (int cpu = 0; cpu < machine_.cpus(); ++cpu) {
        const interrupt_line& raised = line(cpu);
        // The first to end may have begun before the raise; the second has not. Nothing left is as good.
        while (!raised.drained() &&
               raised.completed.load(std::memory_order_relaxed) < before[static_cast<std::size_t>(cpu)] + 2 &&
               now_ns() < deadline_ns)
            sched_yield();
    }
}

} // namespace nmisim
