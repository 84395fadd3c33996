// SPDX-License-Identifier: MIT
#include "explore/windows/swaps.hpp"

#include "explore/windows/scene.hpp"
#include "faults/plain_publish.hpp"
#include "machine/machine_state.hpp"

namespace nmisim::explore {

namespace {

handler_data complete;

/// A swap's steps on the scene. NMIs come at every instruction: none has to be waited for, and one try is enough.
struct scene_steps final : swap_steps {
    void set(nmi_callback& callback) override { the_machine().set_nmi_callback(callback); }
    void synchronize_rcu() override { (void)the_machine().synchronize_rcu(); }
    void nmi_everywhere() override {}
    std::atomic<nmi_callback*>& slot() override { return internals(the_machine()).domain.callback; }
    int tries() const override { return 1; }
};
scene_steps steps;

} // namespace

void prepare_swap() noexcept
{
    prepare();
    build(handler(1));
}

void swap()
{
    const exchange_result result = the_machine().exchange(nmi_handler(&handler(1)));
    reclaim(static_cast<checked_handler&>(*result.old));
}

void swap_wrongly()
{
    const wrong_swap& wrong = info_of(chosen.left_out).swap;
    if (wrong.publish != nullptr)
        wrong.publish(steps, handler(0), handler(1));
    else
        steps.set(handler(1));
    if (!wrong.fences)
        the_rcu().synchronize_unfenced(); // the machine's own counts before it waits, with a lock prefix
    else if (wrong.waits)
        steps.synchronize_rcu();
    reclaim(handler(0));
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
    ordered_publish(&handler(1).data, &complete, &internals(the_machine()).domain.callback, &handler(1));
}

void publish_wrongly()
{
    info_of(chosen.left_out).swap.publish(steps, handler(0), handler(1));
}

} // namespace nmisim::explore
