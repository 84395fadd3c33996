// SPDX-License-Identifier: MIT
//
// The control side of handler chains: which handlers are registered, in which order. Each change builds a new table of
// all chains, publishes it by the one pointer and frees the old one after the grace period (copy on write).
//
// Context: control.
#pragma once

#include "machine/registries/handler_registry.hpp"
#include "nmi/chain/chain.hpp"

#include <memory>

namespace nmisim {

class nmi_chain_registry final : public handler_registry {
public:
    explicit nmi_chain_registry(machine_state& state) : handler_registry(state, nmi_type_count) {}

    /// What set_emergency_nmi_handler publishes where nothing is published.
    nmi_chains& empty_chains() noexcept { return empty_; }

private:
    /// EINVAL when the handler is null or on a chain already, 0 otherwise.
    int add(const std::shared_ptr<handler_action>& action) override;
    std::shared_ptr<handler_action> successor(const handler_action& old, nmi_handler next) const override;
    int publish(std::size_t) override;

    nmi_chains empty_;
};

struct chained_action : nmi_action, handler_action {};

/// An action that owns its handler, or does not.
std::shared_ptr<chained_action> make_nmi_action(nmi_callback* handler, nmi_handler owned,
                                                std::string_view name, std::size_t chain = 0,
                                                unsigned flags = 0);

} // namespace nmisim
