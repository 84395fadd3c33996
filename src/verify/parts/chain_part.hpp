// SPDX-License-Identifier: MIT
//
// Churn on the LOCAL chain of a checked run (--chain N): beside the run's own handler, which is registered there
// instead of being published alone, the chain has N handlers that claim nothing. Every step of the controller
// unregisters the oldest of them and registers a new one, first or last in turn. A run without chains has none of this.
//
// Context: control.
#pragma once

#include "nmi/handlers/churned_handler.hpp"
#include "nmisim/nmi_chain.hpp"
#include "verify/parts/run_part.hpp"

#include <cstdint>
#include <deque>
#include <memory>

namespace nmisim {

class chain_part final : public run_part {
public:
    explicit chain_part(const run_config& config);

    void publish(machine& m) override; ///< after the run's own handler
    void step();
    void last() override;
    void fill_report(machine& m, run_report& report, bool drained) override;
    void detach() noexcept override { members_.clear(); }

private:
    struct member {
        churned_handler handler;
        nmi_registration registration; ///< last: unregisters before its handler goes
    };
    void add();
    void remove_oldest();

    machine* machine_ = nullptr;
    const int size_;
    const bool poison_early_; ///< a fault: nobody waits for a grace period
    std::deque<std::unique_ptr<member>> members_;
    std::uint64_t number_ = 0;
    std::uint64_t churned_ = 0;
};

} // namespace nmisim
