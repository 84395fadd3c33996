// SPDX-License-Identifier: MIT
//
// The control side of lists of handlers: the chains of the NMI, and IRQ lines. Each change of a list publishes a new one,
// waits a grace period and frees the old one (copy on write). What is published differs; who registers, replaces and
// leaves is here.
//
// Context: control.
#pragma once

#include "nmisim/registration.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace nmisim {

struct machine_state;

/// One registered handler. Each registry has its own kind.
struct handler_action {
    nmi_handler owned;
    std::size_t list = 0; ///< the chain or line that it is on
    unsigned flags = 0;
};

class handler_registry : public std::enable_shared_from_this<handler_registry> {
public:
    handler_registry(machine_state& state, std::size_t lists) : state_(state), lists_(lists) {}
    virtual ~handler_registry() = default;

    /// False in interrupt context: registering takes a lock, allocates and waits. `r` says so, and `owned` is given up.
    bool may_enter(registration& r, nmi_handler& owned);
    /// `r` has `action` afterwards, or add()'s error.
    void enter(registration& r, const std::shared_ptr<handler_action>& action);

    machine_state& state() noexcept { return state_; }

protected:
    using action_list = std::vector<std::shared_ptr<handler_action>>;

    machine_state& state_;
    std::vector<action_list> lists_; ///< protected by lock_

private:
    friend class registration;
    void remove(const std::shared_ptr<handler_action>& action);
    nmi_handler replace(std::shared_ptr<handler_action>& action, nmi_handler next);

    // Under lock_.
    /// Puts it on its list, or returns an error.
    virtual int add(const std::shared_ptr<handler_action>& action) = 0;
    /// What differs from `old` in its handler only.
    virtual std::shared_ptr<handler_action> successor(const handler_action& old, nmi_handler next) const = 0;
    /// What is on `list` now. Returns after a grace period; an error if somebody else has published meanwhile.
    virtual int publish(std::size_t list) = 0;

    std::mutex lock_; ///< held across a grace period, so never taken in IRQ or NMI context
};

} // namespace nmisim
