// SPDX-License-Identifier: MIT
#include "machine/registries/handler_registry.hpp"

#include "machine/machine_state.hpp"

#include <algorithm>
#include <cerrno>

namespace nmisim {

bool handler_registry::may_enter(registration& r, nmi_handler& owned)
{
    if (may_wait(state_))
        return true;
    static_cast<void>(state_.owner->synchronize_rcu()); // refuses
    static_cast<void>(owned.release());                 // freeing is no better: left behind on purpose
    r.error_ = EDEADLK;
    return false;
}

void handler_registry::enter(registration& r, const std::shared_ptr<handler_action>& action)
{
    const control_lock guard(state_, lock_);
    r.error_ = add(action);
    if (r.error_ == 0 && (r.error_ = publish(action->list)) != 0)
        std::erase(lists_[action->list], action);
    if (r.error_ != 0)
        return;
    r.registry_ = weak_from_this();
    r.action_ = action;
}

void handler_registry::remove(const std::shared_ptr<handler_action>& action)
{
    const control_lock guard(state_, lock_);
    std::erase(lists_[action->list], action);
    static_cast<void>(publish(action->list));
}

nmi_handler handler_registry::replace(std::shared_ptr<handler_action>& action, nmi_handler next)
{
    const control_lock guard(state_, lock_);
    const std::shared_ptr<handler_action> old = action;
    action = successor(*old, std::move(next));
    std::replace(lists_[old->list].begin(), lists_[old->list].end(), old, action);
    static_cast<void>(publish(old->list));
    return std::move(old->owned);
}

registration::~registration()
{
    if (const auto registry = registry_.lock(); registry != nullptr && !is_own_process(registry->state()))
        return; // a forked child lets its copy go
    static_cast<void>(end());
}

void registration::swap(registration& other) noexcept
{
    registry_.swap(other.registry_);
    action_.swap(other.action_);
    std::swap(error_, other.error_);
}

sync_result registration::end()
{
    const auto registry = registry_.lock();
    if (action_ == nullptr || registry == nullptr)
        return sync_result::done; // nothing registered, or the machine is gone
    if (!may_wait(registry->state()))
        return registry->state().owner->synchronize_rcu(); // refuses
    registry->remove(action_);
    action_.reset();
    return sync_result::done;
}

nmi_handler registration::replace(nmi_handler next)
{
    const auto registry = registry_.lock();
    if (action_ == nullptr || registry == nullptr || next == nullptr)
        return next;
    if (!may_wait(registry->state())) {
        static_cast<void>(registry->state().owner->synchronize_rcu()); // refuses
        return next;
    }
    return registry->replace(action_, std::move(next));
}

} // namespace nmisim
