// SPDX-License-Identifier: MIT
#include "verify/parts/swap_part.hpp"

#include "machine/machine_state.hpp"

namespace nmisim {

swap_part::swap_part(const run_config& config, handler_job& job, irq_part& irqs, chain_part& chain)
    : config_(config),
      pool_(pool_size_of(config), handler_function(info_of(config.fault).in_handler, job.function()), job,
            config.hold_ns),
      controller_(config.swap_interval_ns, [this, &irqs, &chain] {
          irqs.step();
          chain.step();
          swapper_->step();
      })
{}

void swap_part::configure(machine_config& config)
{
    if (config_.controller_place == controller_place::vcpu)
        config.custom_workload = [this](vcpu& self) {
            if (self.number() == 0 && config_.swap)
                controller_.round();
            self.workload_round();
        };
}

void swap_part::publish(machine& m)
{
    machine_ = &m;
    arm_bad_handlers(info_of(config_.fault).in_handler, m);
    swapper_ = make_swapper(m, pool_, config_.reclaim, info_of(config_.fault).swap,
                            config_.chain == 0 ? nmi_slot : nmi_chain_slot);
    swapper_->first();
}

void swap_part::start(machine& m)
{
    const machine_state& state = internals(m);
    if (config_.swap && config_.controller_place == controller_place::thread)
        controller_.start(state.rcu, state.trace ? &state.trace->controller() : nullptr,
                          state.config.pin ? state.config.cpus : 0);
    else
        controller_.enable(config_.swap);
}

void swap_part::fill_report(machine&, run_report& report, bool)
{
    report.swaps = controller_.swaps();
    report.late_swaps = controller_.late();
    add_books(report, pool_, swapper_->times());
}

void swap_part::detach() noexcept
{
    if (machine_ != nullptr && config_.reclaim == reclaim::call_rcu)
        internals(*machine_).rcu.barrier();
}

} // namespace nmisim
