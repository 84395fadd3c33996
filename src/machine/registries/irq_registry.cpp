// SPDX-License-Identifier: MIT
#include "machine/registries/irq_registry.hpp"

#include "base/message_line.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <unistd.h>

namespace nmisim {

/// A list and the array that its span shows.
struct irq_registry::owned_actions : irq_actions {
    std::vector<nmi_callback*> list;
};

irq_registry::irq_registry(machine_state& state)
    : state_(state), descs_(static_cast<std::size_t>(state.config.irqs)), handlers_(descs_.size()),
      published_(descs_.size())
{}

irq_registry::~irq_registry() = default;

int irq_registry::add(const std::shared_ptr<irq_action>& action)
{
    const control_lock guard(state_, lock_);
    if (action->handler == nullptr || action->irq >= handlers_.size())
        return EINVAL;
    auto& line = handlers_[action->irq];
    for (const auto& other : line)
        if ((action->flags & other->flags & irqf_shared) == 0) {
            message_line()
                .text("nmi-sim: genirq: Flags mismatch irq ")
                .number(static_cast<std::int64_t>(action->irq))
                .text(" (")
                .text(action->name.c_str())
                .text(") vs. (")
                .text(other->name.c_str())
                .text("): both must be shared")
                .write_to(STDERR_FILENO);
            return EBUSY;
        }
    line.push_back(action);
    publish(action->irq);
    return 0;
}

void irq_registry::remove(const std::shared_ptr<irq_action>& action)
{
    const control_lock guard(state_, lock_);
    std::erase(handlers_[action->irq], action);
    publish(action->irq);
}

nmi_handler irq_registry::replace(std::shared_ptr<irq_action>& action, nmi_handler next)
{
    const control_lock guard(state_, lock_);
    const std::shared_ptr<irq_action> old = action;
    nmi_callback* const handler = next.get();
    action =
        std::make_shared<irq_action>(irq_action{handler, std::move(next), old->flags, old->name, old->irq});
    std::replace(handlers_[old->irq].begin(), handlers_[old->irq].end(), old, action);
    publish(old->irq);
    return std::move(old->owned);
}

void irq_registry::publish(std::size_t irq)
{
    std::unique_ptr<owned_actions> next;
    if (!handlers_[irq].empty()) {
        next = std::make_unique<owned_actions>();
        for (const auto& action : handlers_[irq])
            next->list.push_back(action->handler);
        next->handlers = next->list;
    }
    nmi_callback* const published = next != nullptr ? next.get() : &dummy_nmi_callback;
    rcu_assign_pointer(descs_[irq].action, published);
    state_.owner->synchronize_rcu();
    published_[irq].swap(next); // the old list goes here
}

irq_registration::~irq_registration()
{
    if (const auto registry = registry_.lock(); registry != nullptr && !is_own_process(registry->state()))
        return; // a forked child lets its copy go
    static_cast<void>(free());
}

void irq_registration::swap(irq_registration& other) noexcept
{
    registry_.swap(other.registry_);
    action_.swap(other.action_);
    std::swap(error_, other.error_);
}

sync_result irq_registration::free()
{
    const auto registry = registry_.lock();
    if (action_ == nullptr || registry == nullptr)
        return sync_result::done; // nothing requested, or the machine is gone
    if (!may_wait(registry->state()))
        return registry->state().owner->synchronize_rcu(); // refuses, and says so
    registry->remove(action_);
    action_.reset();
    return sync_result::done;
}

nmi_handler irq_registration::replace(nmi_handler next)
{
    const auto registry = registry_.lock();
    if (action_ == nullptr || registry == nullptr || next == nullptr)
        return next;
    if (!may_wait(registry->state())) {
        static_cast<void>(registry->state().owner->synchronize_rcu()); // refuses, and says so
        return next;
    }
    return registry->replace(action_, std::move(next));
}

irq_registration request_irq_action(machine& m, int irq, nmi_callback* handler, nmi_handler owned,
                                    unsigned flags, std::string_view name)
{
    irq_registration registration;
    if (!may_wait(m.internals())) { // it takes a lock, allocates and waits
        static_cast<void>(m.synchronize_rcu());
        static_cast<void>(owned.release()); // freeing is no better: left behind on purpose
        registration.error_ = EDEADLK;
        return registration;
    }
    if (handler == nullptr)
        handler = owned.get();
    auto action = std::make_shared<irq_action>(
        irq_action{handler, std::move(owned), flags, std::string(name), static_cast<std::size_t>(irq)});
    const auto& registry = m.internals().irqs;
    registration.error_ = registry->add(action);
    if (registration.error_ == 0) {
        registration.registry_ = registry;
        registration.action_ = std::move(action);
    }
    return registration;
}

irq_registration request_irq(machine& m, int irq, nmi_handler handler, unsigned flags, std::string_view name)
{
    return request_irq_action(m, irq, nullptr, std::move(handler), flags, name);
}

irq_registration request_irq(machine& m, int irq, nmi_callback& handler, unsigned flags,
                             std::string_view name)
{
    return request_irq_action(m, irq, &handler, nullptr, flags, name);
}

raise_result raise_irq(machine& m, int cpu, int irq) noexcept
{
    return raise_on(m.internals().irq(cpu, irq).line);
}

std::uint64_t irq_count(machine& m, int cpu, int irq) noexcept
{
    return m.internals().irq(cpu, irq).count.read();
}

std::uint64_t irq_unhandled(machine& m, int cpu, int irq) noexcept
{
    return m.internals().irq(cpu, irq).unhandled.read();
}

} // namespace nmisim
