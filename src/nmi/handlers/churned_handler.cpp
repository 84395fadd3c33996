// SPDX-License-Identifier: MIT
#include "nmi/handlers/churned_handler.hpp"

#include "base/clock.hpp"
#include "nmi/chain/chain.hpp"

namespace nmisim {
namespace {

void look(const nmi_callback& callback, int cpu, check_block& checks) noexcept
{
    const auto& handler = static_cast<const churned_handler&>(callback);
    checks[check::grace_period].looked();
    const std::uint64_t canary = handler.canary.load(std::memory_order_relaxed); // what RCU lets it see
    if (canary != canary_alive) [[unlikely]]
        checks[check::grace_period].fail({now_ns(), cpu, handler.number, canary, canary_alive, 0,
                                          "canary of a chained handler (poisoned: it was unregistered)"});
}

} // namespace

int churned_call(nmi_callback& self, const pt_regs&, int cpu) noexcept
{
    look(self, cpu, this_cpu->checks);
    return nmi_done;
}

void observe_chain_from_task(nmi_callback& callback, percpu& cpu) noexcept
{
    if (callback.function != dispatch_chains)
        return observe_from_task(callback, cpu);
    for (const nmi_action* const action :
         static_cast<const nmi_chains&>(callback).of_type[static_cast<std::size_t>(nmi_type::local)])
        if (action->handler->function == churned_call)
            look(*action->handler, cpu.cpunumber, cpu.task_checks);
        else
            observe_from_task(*action->handler, cpu);
}

} // namespace nmisim
