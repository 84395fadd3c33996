// SPDX-License-Identifier: MIT
#include "rcu/srcu.hpp"

#include "base/clock.hpp"
#include "rcu/call_rcu.hpp"

#include "store_then_fence.hpp" // base/<cpu family>

#include <algorithm>

namespace nmisim {
namespace rcu {
namespace {

/// With call_rcu(): its worker waits for this domain's readers and for no other's.
struct domain_with_worker : rcu_domain {
    call_rcu_worker<srcu_platform, srcu_orders> worker{[this] { synchronize(); }};
};

domain_with_worker* whole(rcu_domain* domain)
{
    return static_cast<domain_with_worker*>(domain);
}

struct no_updater_fence : srcu_orders {
    static constexpr std::memory_order caller_fence = std::memory_order_relaxed;
    static constexpr std::memory_order look_fence = std::memory_order_relaxed;
};

} // namespace

void srcu_platform::pause(unsigned round) noexcept
{
    constexpr unsigned spins = 1000; // about what it takes to sleep and be woken
    constexpr std::uint64_t shortest_ns = 10'000;
    constexpr unsigned doublings = 10; // to 10 ms
    if (round < spins)
        return relax();
    // Each nap as long as all before it: who waits, waits at most twice as long as it must.
    sleep_for(shortest_ns << std::min(round - spins, doublings));
}

const rcu_ops srcu_ops{
    .id = flavor::srcu,
    .register_thread = [] {},
    .unregister_thread = [] {},
    .read_lock = [](rcu_domain* domain) { return rcu_mark{srcu::nmi_enter(*domain).count}; },
    .read_unlock =
        [](rcu_domain*, rcu_mark mark) {
            srcu::nmi_exit({static_cast<srcu_count<srcu_platform>*>(mark.where)});
        },
    .synchronize = [](rcu_domain* domain) { domain->synchronize(); },
    .synchronize_alone = [](rcu_domain* domain) { domain->synchronize(); },
    .synchronize_unfenced = [](rcu_domain* domain) { domain->grace_periods.synchronize<no_updater_fence>(); },
    .call = [](rcu_domain* domain, rcu_callback_head* head,
               void (*fn)(rcu_callback_head*)) { whole(domain)->worker.call(head, fn); },
    .barrier = [](rcu_domain* domain) { whole(domain)->worker.barrier(); },
    .start_worker = [](rcu_domain* domain) { whole(domain)->worker.start(); },
    .make_domain = []() -> rcu_domain* { return new domain_with_worker; },
    .destroy_domain = [](rcu_domain* domain) { delete whole(domain); },
};

} // namespace rcu

rcu_domain::rcu_domain()
{
    grace_periods.readers().last_line = rcu::last_line_in_use();
}

void rcu_domain::synchronize()
{
    grace_periods.synchronize();
    rcu::grace_period_ended();
}

} // namespace nmisim
