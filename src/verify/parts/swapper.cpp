// SPDX-License-Identifier: MIT
#include "verify/parts/swapper.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"

#include <cstddef>
#include <sched.h>
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

} // namespace

swapper::swapper(machine& m, element_pool& pool, reclaim how, int irq)
    : machine_(m), pool_(pool), how_(how), irq_(irq)
{}

std::atomic<nmi_callback*>& swapper::slot() noexcept
{
    nmi_domain& domain = machine_.internals().domain;
    return irq_ < 0 ? domain.callback : domain.irqs[irq_].action;
}

nmi_line& swapper::line(int cpu) noexcept
{
    machine_state& state = machine_.internals();
    return irq_ < 0 ? state.area(cpu).line : state.irq(cpu, irq_).line;
}

void swapper::first()
{
    element* e = pool_.take();
    set(*e);
    pool_.published(*e);
    current_ = e;
}

void swapper::publish(element& next)
{
    set(next);
}

void swapper::wait_grace_period()
{
    machine_.synchronize_rcu();
}

void swapper::reclaim_now(element& old)
{
    pool_.reclaim(old);
}

void swapper::step()
{
    element* next = build();
    if (next == nullptr) { // every handler waits for its grace period, or was leaked
        machine_.internals().rcu.barrier();
        if ((next = build()) == nullptr)
            return;
    }
    element& old = *current_;
    const std::uint64_t begin_ns = now_ns();
    publish(*next);
    pool_.published(*next);
    current_ = next;
    const std::uint64_t published_ns = now_ns();
    times_.publish.record(published_ns - begin_ns);
    pool_.retire(old);
    trace(trace_kind::publish, begin_ns, published_ns, *next);
    if (how_ == reclaim::sync)
        retire(old);
    else
        retire_deferred(old);
    const std::uint64_t end_ns = now_ns();
    if (how_ == reclaim::sync)
        times_.swap.record(end_ns - begin_ns);
    trace(trace_kind::swap, begin_ns, end_ns, *next);
}

void swapper::trace(trace_kind kind, std::uint64_t begin_ns, std::uint64_t end_ns, const element& e) const
{
    if (this_trace != nullptr)
        trace_slice(kind, begin_ns, end_ns, e.generation.load(std::memory_order_relaxed), pool_.waiting());
}

void swapper::retire(element& old)
{
    const std::uint64_t begin_ns = now_ns();
    wait_grace_period();
    const std::uint64_t ended_ns = now_ns();
    times_.grace_period.record(ended_ns - begin_ns);
    trace(trace_kind::grace_period, begin_ns, ended_ns, old);
    reclaim_now(old);
    const std::uint64_t reclaimed_ns = now_ns();
    times_.reclaim.record(reclaimed_ns - ended_ns);
    trace(trace_kind::reclaim, ended_ns, reclaimed_ns, old);
}

void swapper::retire_deferred(element& old)
{
    old.owner = this;
    machine_.internals().deferred_begun.fetch_add(1, std::memory_order_relaxed); // for the stall watch
    machine_.internals().rcu.call(&old.head, reclaim_callback);
}

void swapper::reclaim_callback(rcu_callback_head* head)
{
    element& old = element_of(head);
    auto& self = *static_cast<swapper*>(old.owner);
    const std::uint64_t ended_ns = now_ns();
    self.times_.grace_period.record(ended_ns - old.retired_ns);
    self.times_.swap.record(ended_ns - old.retired_ns);
    self.machine_.internals().deferred_grace_periods.fetch_add(1, std::memory_order_relaxed);
    self.reclaim_now(old);
    const std::uint64_t reclaimed_ns = now_ns();
    self.times_.reclaim.record(reclaimed_ns - ended_ns);
    trace_log* const log = self.machine_.internals().trace;
    const traced_thread traced(log == nullptr ? nullptr : &log->reclaimer());
    self.trace(trace_kind::reclaim, ended_ns, reclaimed_ns, old);
}

void swapper::last()
{
    unset();
    if (current_ != nullptr) {
        pool_.retire(*current_);
        const std::uint64_t begin_ns = now_ns();
        machine_.synchronize_rcu();
        const std::uint64_t ended_ns = now_ns();
        trace(trace_kind::grace_period, begin_ns, ended_ns, *current_);
        reclaim_now(*current_);
        trace(trace_kind::reclaim, ended_ns, now_ns(), *current_);
        current_ = nullptr;
    }
    if (how_ == reclaim::call_rcu)
        machine_.internals().rcu.barrier();
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
        const nmi_line& raised = line(cpu);
        // The first to end may have begun before the raise; the second has not. Nothing left is as good.
        while (!raised.drained() &&
               raised.completed.load(std::memory_order_relaxed) < before[static_cast<std::size_t>(cpu)] + 2 &&
               now_ns() < deadline_ns)
            sched_yield();
    }
}

} // namespace nmisim
