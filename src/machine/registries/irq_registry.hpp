// SPDX-License-Identifier: MIT
//
// The control side of IRQ lines: who handles which. Each change of a line builds a new list of its handlers,
// publishes it, waits a grace period and frees the old one: copy on write, as the chains of the NMI.
//
// Context: control.
#pragma once

#include "nmi/irq/irq.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nmisim {

struct machine_state;

/// One handler of a line. Kernel: struct irqaction.
struct irq_action {
    nmi_callback* handler = nullptr;
    nmi_handler owned;
    unsigned flags = 0;
    std::string name;
    std::size_t irq = 0;
};

class irq_registry : public std::enable_shared_from_this<irq_registry> {
public:
    explicit irq_registry(machine_state& state);
    ~irq_registry(); ///< no vCPU is online any more
    irq_registry(const irq_registry&) = delete;
    irq_registry& operator=(const irq_registry&) = delete;

    /// 0, EINVAL or EBUSY; see irq_registration::error().
    int add(const std::shared_ptr<irq_action>& action);
    void remove(const std::shared_ptr<irq_action>& action);
    /// Returns the old handler if it was owned.
    nmi_handler replace(std::shared_ptr<irq_action>& action, nmi_handler next);

    machine_state& state() noexcept { return state_; }
    std::vector<irq_desc>& descs() noexcept { return descs_; }

private:
    struct owned_actions;
    void publish(std::size_t irq);

    machine_state& state_;
    std::vector<irq_desc> descs_;
    std::mutex
        lock_; ///< protects what follows; held across a grace period, so never taken in IRQ or NMI context
    std::vector<std::vector<std::shared_ptr<irq_action>>> handlers_;
    std::vector<std::unique_ptr<owned_actions>> published_;
};

} // namespace nmisim
