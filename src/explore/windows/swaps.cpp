// SPDX-License-Identifier: MIT
#include "explore/windows/swaps.hpp"

#include "explore/windows/scene.hpp"
#include "faults/plain_publish.hpp"
#include "machine/machine_state.hpp"

namespace nmisim::explore {

namespace {

handler_data complete;

/// A chain of two for as long as both are registered.
struct pair_callback : checked_handler {
    nmi_callback* first = nullptr;
    nmi_callback* second = nullptr;
};
pair_callback both;

int call_both(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    auto& pair = static_cast<pair_callback&>(self);
    return (*pair.first)(regs, cpu) + (*pair.second)(regs, cpu);
}

} // namespace

void prepare_swap() noexcept
{
    prepare();
    build(handler(1));
}

void swap()
{
    nmi_handler old = the_machine().exchange(nmi_handler(&handler(1)));
    reclaim(static_cast<checked_handler&>(*old));
}

void swap_without_grace_period()
{
    the_machine().set_nmi_callback(handler(1));
    reclaim(handler(0));
}

void swap_through_the_dummy()
{
    the_machine().unset_nmi_callback();
    the_machine().set_nmi_callback(handler(1));
}

void swap_with_both()
{
    both.function = call_both;
    both.canary.store(canary_alive, std::memory_order_relaxed); // published by set_nmi_callback
    both.data = make_handler_data(0);
    both.first = &handler(0);
    both.second = &handler(1);
    the_machine().set_nmi_callback(both);       // add
    the_machine().set_nmi_callback(handler(1)); // remove
}

void prepare_publish() noexcept
{
    prepare();
    checked_handler& next = handler(1);
    build(next);
    complete = next.data;
    next.data.words.fill(canary_poison); // what was there before its initialisation
    next.data.sum = 0;
}

void publish()
{
    ordered_publish(&handler(1).data, &complete, &the_machine().internals().domain.callback, &handler(1));
}

void publish_before_init()
{
    the_machine().set_nmi_callback(handler(1));
    handler(1).data = complete;
}

void publish_plainly()
{
    plain_publish(&handler(1).data, &complete,
                  reinterpret_cast<nmi_callback**>(&the_machine().internals().domain.callback), &handler(1));
}

} // namespace nmisim::explore
