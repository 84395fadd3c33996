// SPDX-License-Identifier: MIT
//
// The swaps of a run: the NMI's handlers, the swapper, and the controller that lets it swap every interval. In each
// step, handlers on the chain are changed and those of IRQ lines are swapped first.
//
// Context: control.
#pragma once

#include "machine/controller.hpp"
#include "verify/parts/chain_part.hpp"
#include "verify/parts/irq_part.hpp"
#include "verify/parts/run_part.hpp"
#include "verify/parts/swapper.hpp"

#include <memory>

namespace nmisim {

class swap_part final : public run_part {
public:
    swap_part(const run_config& config, handler_job& job, irq_part& irqs, chain_part& chain);

    void configure(machine_config& config) override;
    void publish(machine& m) override;
    void start(machine& m) override;
    /// False: a swap waits for a stuck vCPU, and does not end within `patience_ns`.
    bool end_within(std::uint64_t patience_ns) noexcept { return controller_.stop_within(patience_ns); }
    /// The swaps of a vCPU end with it, so that this comes before.
    void end() noexcept { controller_.stop(); }
    void last() override { swapper_->last(); }
    void fill_report(machine& m, run_report& report, bool drained) override;
    void detach() noexcept override;

    std::uint64_t swaps() const noexcept { return controller_.swaps(); }
    const element_pool& pool() const noexcept { return pool_; }

private:
    const run_config& config_;
    element_pool pool_;
    std::unique_ptr<swapper> swapper_;
    machine* machine_ = nullptr;
    controller controller_;
};

} // namespace nmisim
