// SPDX-License-Identifier: MIT
#include "faults/wrong_swap.hpp"

#include "faults/plain_publish.hpp"

namespace nmisim {
namespace {

/// A chain of two for as long as both are registered.
struct pair_callback : checked_handler {
    nmi_callback* first = nullptr;
    nmi_callback* second = nullptr;
};

int call_pair(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    auto& pair = static_cast<pair_callback&>(self);
    return (*pair.first)(regs, cpu) + (*pair.second)(regs, cpu);
}

handler_data data_of(const checked_handler& h) noexcept
{
    return make_handler_data(h.generation.load(std::memory_order_relaxed)); // the writer's own
}

} // namespace

namespace wrong {

void publish_before_init(swap_steps& steps, checked_handler&, checked_handler& next)
{
    steps.set(next);
    steps.nmi_everywhere();
    next.data = data_of(next);
}

/// Publishes by plain stores, again and again: the reordered stores are a few instructions apart, and each
/// repetition is another chance for an NMI to fall between them. Runs on a vCPU (the table sees to that).
void publish_plainly(swap_steps& steps, checked_handler& old, checked_handler& next)
{
    const handler_data complete = data_of(next);
    auto** place = reinterpret_cast<nmi_callback**>(&steps.slot());
    for (int i = 0; i < steps.tries(); ++i) {
        steps.set(old);
        next.data.words.fill(canary_poison);
        // (1) seq_cst: the poison is stored (compiler only); pairs with outside: the NMI on this thread
        std::atomic_signal_fence(std::memory_order_seq_cst);
        plain_publish(&next.data, &complete, place, &next);
    }
}

void unset_then_set(swap_steps& steps, checked_handler&, checked_handler& next)
{
    steps.unset();
    steps.nmi_everywhere();
    steps.set(next);
}

void add_then_remove(swap_steps& steps, checked_handler& old, checked_handler& next)
{
    static pair_callback both; // one writer at a time, and each waits until nobody uses it
    both.function = call_pair;
    both.canary.store(canary_alive, std::memory_order_relaxed); // published by set below
    both.data = make_handler_data(0);
    both.first = &old;
    both.second = &next;
    steps.set(both); // add
    steps.nmi_everywhere();
    steps.set(next); // remove
    steps.synchronize_rcu();
}

} // namespace wrong
} // namespace nmisim
