// SPDX-License-Identifier: MIT
//
// What the registration of a handler on a chain (nmisim/nmi_chain.hpp) and on an IRQ line (nmisim/irq.hpp) have in common.
#pragma once

#include "nmisim/callback.hpp"
#include "nmisim/export.hpp"
#include "nmisim/machine.hpp"

#include <memory>
#include <utility>

namespace nmisim {

class handler_registry;
struct handler_action;

/// A handler's place, while this object lives. Move-only; empty after its end or a refusal. Its end waits until no vCPU runs
/// the handler any more. In interrupt context that is refused: the handler stays, with its data.
/// Lifetime: may outlive its machine, but not be used while the machine is being destroyed.
class NMISIM_API registration {
public:
    explicit operator bool() const noexcept { return action_ != nullptr; }
    /// Why there is none: 0; EINVAL and EBUSY: see the function that registers; EDEADLK: called in IRQ or NMI context or
    /// in a forked child.
    int error() const noexcept { return error_; }

    /// Puts `next` in the handler's place, at the same position; returns the old handler after a grace period (null: it was
    /// the caller's). Every interrupt runs one of the two, once. Context: control; refused in interrupt context and on an
    /// empty registration: `next` comes back. Ordering: as machine::exchange().
    nmi_handler replace(nmi_handler next);

protected:
    registration() noexcept = default;
    registration(registration&& other) noexcept { swap(other); }
    registration& operator=(registration&& other) noexcept
    {
        registration(std::move(other)).swap(*this);
        return *this;
    }
    ~registration();

    sync_result end();
    const handler_action* action() const noexcept { return action_.get(); }

private:
    friend class handler_registry;
    void swap(registration& other) noexcept;

    std::weak_ptr<handler_registry> registry_;
    std::shared_ptr<handler_action> action_;
    int error_ = 0;
};

} // namespace nmisim
