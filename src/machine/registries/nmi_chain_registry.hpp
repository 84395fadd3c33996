// SPDX-License-Identifier: MIT
//
// The control side of handler chains: who is registered, in which order. Each change builds a new table of all
// chains, exchanges it in behind the one pointer and frees the old one after the grace period (copy on write).
//
// Context: control.
#pragma once

#include "nmi/chain/chain.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace nmisim {

class nmi_chain_registry : public std::enable_shared_from_this<nmi_chain_registry> {
public:
    explicit nmi_chain_registry(machine_state& state) : state_(state) {}
    nmi_chain_registry(const nmi_chain_registry&) = delete;
    nmi_chain_registry& operator=(const nmi_chain_registry&) = delete;

    /// EINVAL when the handler is null or on a chain already, EBUSY when a callback of somebody else is published, 0
    /// otherwise.
    int add(nmi_type type, std::shared_ptr<nmi_action> action, unsigned flags);
    void remove(const std::shared_ptr<nmi_action>& action);
    /// Returns the old handler if it was owned.
    nmi_handler replace(std::shared_ptr<nmi_action>& action, nmi_handler next);

    machine_state& state() noexcept { return state_; }
    /// What set_emergency_nmi_handler publishes where nothing is published.
    nmi_chains& empty_chains() noexcept { return empty_; }

private:
    bool somebody_elses_is_published() const noexcept;
    void publish();

    machine_state& state_;
    nmi_chains empty_;
    std::mutex lock_; ///< protects chains_; held across a grace period, so never taken in NMI context
    std::array<std::vector<std::shared_ptr<nmi_action>>, nmi_type_count> chains_;
    const nmi_callback* table_ = &empty_; ///< what publish() has published last
};

/// An action that owns its handler, or does not.
std::shared_ptr<nmi_action> make_nmi_action(nmi_callback* handler, nmi_handler owned, std::string_view name);

} // namespace nmisim
