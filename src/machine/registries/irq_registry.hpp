// SPDX-License-Identifier: MIT
//
// The control side of IRQ lines: which handlers each has. Each change of a line builds a new list of its handlers,
// publishes it, waits a grace period and frees the old one: copy on write, as the chains of the NMI.
//
// Context: control.
#pragma once

#include "machine/registries/handler_registry.hpp"
#include "nmi/irq/irq.hpp"

#include <memory>
#include <vector>

namespace nmisim {

class irq_registry final : public handler_registry {
public:
    explicit irq_registry(machine_state& state);
    ~irq_registry() override; ///< no vCPU is online any more

    std::vector<irq_desc>& descs() noexcept { return descs_; }

private:
    struct owned_actions;
    int add(const std::shared_ptr<handler_action>& action) override;
    std::shared_ptr<handler_action> successor(const handler_action& old, nmi_handler next) const override;
    int publish(std::size_t irq) override;

    std::vector<irq_desc> descs_;
    std::vector<std::unique_ptr<owned_actions>> published_;
};

} // namespace nmisim
