// SPDX-License-Identifier: MIT
#include "machine/registries/irq_registry.hpp"

#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"
#include "nmisim/rcu_pointer.hpp"

#include <cerrno>
#include <string>

namespace nmisim {
namespace {

/// One handler of a line. Kernel: struct irqaction.
struct irq_action : handler_action {
    nmi_callback* handler = nullptr;
    std::string name;
};

std::shared_ptr<handler_action> make_action(nmi_callback* handler, nmi_handler owned, std::size_t irq,
                                            unsigned flags, std::string_view name)
{
    if (handler == nullptr)
        handler = owned.get();
    return std::make_shared<irq_action>(
        irq_action{{std::move(owned), irq, flags}, handler, std::string(name)});
}

const irq_action& of_irq(const handler_action& action) noexcept
{
    return static_cast<const irq_action&>(action);
}

irq_registration request_irq_action(machine& m, int irq, nmi_callback* handler, nmi_handler owned,
                                    unsigned flags, std::string_view name)
{
    irq_registration r;
    irq_registry& lines = *internals(m).irqs;
    if (lines.may_enter(r, owned))
        lines.enter(r, make_action(handler, std::move(owned), static_cast<std::size_t>(irq), flags, name));
    return r;
}

} // namespace

/// A list and the array that its span shows.
struct irq_registry::owned_actions : irq_actions {
    std::vector<nmi_callback*> list;
};

irq_registry::irq_registry(machine_state& state)
    : handler_registry(state, static_cast<std::size_t>(state.config.irqs)), descs_(lists_.size()),
      published_(lists_.size())
{}

irq_registry::~irq_registry() = default;

int irq_registry::add(const std::shared_ptr<handler_action>& action)
{
    if (of_irq(*action).handler == nullptr || action->list >= lists_.size())
        return EINVAL;
    auto& line = lists_[action->list];
    for (const auto& other : line)
        if ((action->flags & other->flags & irqf_shared) == 0)
            return EBUSY;
    line.push_back(action);
    return 0;
}

std::shared_ptr<handler_action> irq_registry::successor(const handler_action& old, nmi_handler next) const
{
    return make_action(nullptr, std::move(next), old.list, old.flags, of_irq(old).name);
}

int irq_registry::publish(std::size_t irq)
{
    std::unique_ptr<owned_actions> next;
    if (!lists_[irq].empty()) {
        next = std::make_unique<owned_actions>();
        for (const auto& action : lists_[irq])
            next->list.push_back(of_irq(*action).handler);
        next->handlers = next->list;
    }
    nmi_callback* const published = next != nullptr ? next.get() : &dummy_nmi_callback;
    rcu_assign_pointer(descs_[irq].action, published);
    state_.owner->synchronize_rcu();
    published_[irq].swap(next); // the old list goes here
    return 0;
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
    machine_state& state = internals(m);
    return state.has(cpu) ? raise_on(state.irq(cpu, irq).line) : raise_result::no_such_cpu;
}

std::uint64_t irq_count(machine& m, int cpu, int irq) noexcept
{
    return internals(m).irq(cpu, irq).count.read();
}

std::uint64_t irq_unhandled(machine& m, int cpu, int irq) noexcept
{
    return internals(m).irq(cpu, irq).unhandled.read();
}

} // namespace nmisim
