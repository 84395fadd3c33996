// SPDX-License-Identifier: MIT
#include "machine/registries/nmi_chain_registry.hpp"

#include "base/message_line.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <cerrno>

namespace nmisim {
namespace {

/// A table and the arrays that its spans show.
struct owned_chains : nmi_chains {
    std::array<std::vector<nmi_action*>, nmi_type_count> actions;
};

chained_action& chained(handler_action& action) noexcept
{
    return static_cast<chained_action&>(action);
}

const chained_action& chained(const handler_action& action) noexcept
{
    return static_cast<const chained_action&>(action);
}

nmi_registration register_handler(machine& m, nmi_type type, nmi_callback* handler, nmi_handler owned,
                                  unsigned flags, std::string_view name)
{
    nmi_registration r;
    nmi_chain_registry& chains = *internals(m).chains;
    if (chains.may_enter(r, owned))
        chains.enter(r,
                     make_nmi_action(handler, std::move(owned), name, static_cast<std::size_t>(type), flags));
    return r;
}

} // namespace

std::shared_ptr<chained_action> make_nmi_action(nmi_callback* handler, nmi_handler owned,
                                                std::string_view name, std::size_t chain, unsigned flags)
{
    auto action = std::make_shared<chained_action>();
    action->handler = handler != nullptr ? handler : owned.get();
    action->owned = std::move(owned);
    action->list = chain;
    action->flags = flags;
    name.copy(action->name.data(), action->name.size() - 1);
    return action;
}

int nmi_chain_registry::add(const std::shared_ptr<handler_action>& action)
{
    const chained_action& added = chained(*action);
    if (added.handler == nullptr)
        return EINVAL;
    for (const auto& chain : lists_)
        for (const auto& other : chain)
            if (chained(*other).handler == added.handler)
                return EINVAL;
    auto& chain = lists_[added.list];
    const auto type = static_cast<nmi_type>(added.list);
    if (!chain.empty() && (type == nmi_type::serr || type == nmi_type::io_check))
        message_line()
            .text("nmi-sim: WARNING: second handler on a chain that is meant for one (")
            .text(added.name.data())
            .text(")")
            .give_to(state_.config.message);
    chain.insert((added.flags & nmi_flag_first) != 0 ? chain.begin() : chain.end(), action);
    return 0;
}

std::shared_ptr<handler_action> nmi_chain_registry::successor(const handler_action& old,
                                                              nmi_handler next) const
{
    return make_nmi_action(nullptr, std::move(next), chained(old).name.data(), old.list, old.flags);
}

/// All chains at once. Where somebody has published a callback of his own since, the chains are off the machine and stay so.
int nmi_chain_registry::publish(std::size_t)
{
    auto* table = new owned_chains;
    table->destroy = [](nmi_callback* self) noexcept { delete static_cast<owned_chains*>(self); };
    for (std::size_t i = 0; i < nmi_type_count; ++i) {
        for (const auto& action : lists_[i])
            table->actions[i].push_back(&chained(*action));
        table->of_type[i] = table->actions[i];
    }
    const bool in_use = std::any_of(lists_.begin(), lists_.end(), [](auto& chain) { return !chain.empty(); });
    // The old table goes here, after its grace period.
    if (publish_handler(state_, nmi_handler(table), in_use ? publisher::chains : publisher::empty_chains)
            .status == sync_result::done)
        return 0;
    static_cast<void>(state_.owner->synchronize_rcu()); // whoever took the table may not have waited
    return EBUSY;
}

std::uint64_t nmi_registration::max_duration_ns() const noexcept
{
    return action() == nullptr ? 0 : chained(*action()).duration.max_ns.load(std::memory_order_relaxed);
}

std::uint64_t nmi_registration::max_duration_cpu_ns() const noexcept
{
    return action() == nullptr ? 0 : chained(*action()).duration.max_cpu_ns.load(std::memory_order_relaxed);
}

nmi_registration register_nmi_handler(machine& m, nmi_type type, nmi_callback& handler, unsigned flags,
                                      std::string_view name)
{
    return register_handler(m, type, &handler, nullptr, flags, name);
}

nmi_registration register_nmi_handler(machine& m, nmi_type type, nmi_handler handler, unsigned flags,
                                      std::string_view name)
{
    return register_handler(m, type, nullptr, std::move(handler), flags, name);
}

void set_emergency_nmi_handler(machine& m, nmi_type type, nmi_emergency_function function) noexcept
{
    machine_state& state = internals(m);
    // (1) release: what the caller prepared for it; pairs with nmi/chain/chain.cpp(1)
    state.domain.emergency[static_cast<std::size_t>(type)].store(function, std::memory_order_release);
    nmi_callback* nothing = &dummy_nmi_callback;
    // (2) release: the empty table; pairs with nmisim/rcu_pointer.hpp(2)
    state.domain.callback.compare_exchange_strong(nothing, &state.chains->empty_chains(),
                                                  std::memory_order_release, std::memory_order_relaxed);
}

void stop_nmi(machine& m) noexcept
{
    internals(m).domain.ignore_nmis.fetch_add(1, std::memory_order_relaxed); // a flag, nothing with it
}

void restart_nmi(machine& m) noexcept
{
    BUG_ON(internals(m).domain.ignore_nmis.fetch_sub(1, std::memory_order_relaxed) <= 0);
}

void set_nmi_longest_ns(machine& m, std::uint64_t longest_ns, bool cpu_time) noexcept
{
    internals(m).domain.nmi_longest_ns.store(longest_ns, std::memory_order_relaxed); // knobs
    internals(m).domain.nmi_check_cpu_time.store(cpu_time, std::memory_order_relaxed);
}

} // namespace nmisim
