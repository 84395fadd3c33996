// SPDX-License-Identifier: MIT
#include "machine/registries/nmi_chain_registry.hpp"

#include "base/message_line.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <unistd.h>

namespace nmisim {
namespace {

/// A table and the arrays that its spans show.
struct owned_chains : nmi_chains {
    std::array<std::vector<nmi_action*>, nmi_type_count> actions;
};

struct owned_action : nmi_action {
    nmi_handler owned;
};

void warn(std::string_view what, std::string_view name)
{
    const std::string text = std::string(what) + " (" + std::string(name) + ")";
    message_line().text("nmi-sim: WARNING: ").text(text.c_str()).write_to(STDERR_FILENO);
}

} // namespace

std::shared_ptr<nmi_action> make_nmi_action(nmi_callback* handler, nmi_handler owned, std::string_view name)
{
    auto action = std::make_shared<owned_action>();
    action->handler = handler != nullptr ? handler : owned.get();
    action->owned = std::move(owned);
    name.copy(action->name.data(), action->name.size() - 1);
    return action;
}

int nmi_chain_registry::add(nmi_type type, std::shared_ptr<nmi_action> action, unsigned flags)
{
    const control_lock guard(state_, lock_);
    if (action->handler == nullptr) {
        warn("no NMI handler given: refused", action->name.data());
        return EINVAL;
    }
    for (const auto& chain : chains_)
        for (const auto& other : chain)
            if (other->handler == action->handler) {
                warn("NMI handler is registered already: refused", action->name.data());
                return EINVAL;
            }
    if (somebody_elses_is_published()) {
        warn("a callback is published by set_nmi_callback() or exchange(): NMI handler refused",
             action->name.data());
        return EBUSY;
    }
    auto& chain = chains_[static_cast<std::size_t>(type)];
    if (!chain.empty() && (type == nmi_type::serr || type == nmi_type::io_check))
        warn("second handler on a chain that is meant for one", action->name.data());
    chain.insert((flags & nmi_flag_first) != 0 ? chain.begin() : chain.end(), std::move(action));
    publish();
    return 0;
}

void nmi_chain_registry::remove(const std::shared_ptr<nmi_action>& action)
{
    const control_lock guard(state_, lock_);
    for (auto& chain : chains_)
        std::erase(chain, action);
    publish();
}

nmi_handler nmi_chain_registry::replace(std::shared_ptr<nmi_action>& action, nmi_handler next)
{
    const control_lock guard(state_, lock_);
    const std::shared_ptr<nmi_action> old = action;
    action = make_nmi_action(nullptr, std::move(next), old->name.data());
    for (auto& chain : chains_)
        std::replace(chain.begin(), chain.end(), old, action);
    publish();
    return std::move(static_cast<owned_action&>(*old).owned);
}

bool nmi_chain_registry::somebody_elses_is_published() const noexcept
{
    // relaxed: compared, never followed
    const nmi_callback* const now = state_.domain.callback.load(std::memory_order_relaxed);
    return now != nullptr && now != &dummy_nmi_callback && now != &empty_ && now != table_;
}

/// Where somebody has published a callback of his own since, the chains are off the machine and stay so.
void nmi_chain_registry::publish()
{
    if (somebody_elses_is_published()) {
        static_cast<void>(state_.owner->synchronize_rcu()); // whoever took the table may not have waited
        return;
    }
    auto* table = new owned_chains;
    table->destroy = [](nmi_callback* self) noexcept { delete static_cast<owned_chains*>(self); };
    for (std::size_t i = 0; i < nmi_type_count; ++i) {
        for (const auto& action : chains_[i])
            table->actions[i].push_back(action.get());
        table->of_type[i] = table->actions[i];
    }
    table_ = table;
    state_.owner->exchange(nmi_handler(table)); // the old table goes here, after its grace period
}

nmi_registration::~nmi_registration()
{
    if (const auto registry = registry_.lock(); registry != nullptr && !is_own_process(registry->state()))
        return; // a forked child lets its copy go
    static_cast<void>(unregister());
}

void nmi_registration::swap(nmi_registration& other) noexcept
{
    registry_.swap(other.registry_);
    action_.swap(other.action_);
    std::swap(error_, other.error_);
}

sync_result nmi_registration::unregister()
{
    const auto registry = registry_.lock();
    if (action_ == nullptr || registry == nullptr)
        return sync_result::done; // nothing registered, or the machine is gone
    if (!may_wait(registry->state()))
        return registry->state().owner->synchronize_rcu(); // refuses, and says so
    registry->remove(action_);
    action_.reset();
    return sync_result::done;
}

nmi_handler nmi_registration::replace(nmi_handler next)
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

std::uint64_t nmi_registration::max_duration_ns() const noexcept
{
    return action_ == nullptr ? 0 : action_->duration.max_ns.load(std::memory_order_relaxed);
}

std::uint64_t nmi_registration::max_duration_cpu_ns() const noexcept
{
    return action_ == nullptr ? 0 : action_->duration.max_cpu_ns.load(std::memory_order_relaxed);
}

nmi_registration register_handler(machine& m, nmi_type type, nmi_callback* handler, nmi_handler owned,
                                  unsigned flags, std::string_view name)
{
    nmi_registration registration;
    if (!may_wait(m.internals())) { // it takes a lock, allocates and waits
        static_cast<void>(m.synchronize_rcu());
        static_cast<void>(owned.release()); // freeing is no better: left behind on purpose
        registration.error_ = EDEADLK;
        return registration;
    }
    auto action = make_nmi_action(handler, std::move(owned), name);
    registration.error_ = m.internals().chains->add(type, action, flags);
    if (registration.error_ == 0) {
        registration.registry_ = m.internals().chains;
        registration.action_ = std::move(action);
    }
    return registration;
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
    machine_state& state = m.internals();
    // (1) release: what the caller prepared for it; pairs with nmi/chain/chain.cpp(1)
    state.domain.emergency[static_cast<std::size_t>(type)].store(function, std::memory_order_release);
    nmi_callback* nothing = &dummy_nmi_callback;
    // (2) release: the empty table; pairs with nmisim/rcu_pointer.hpp(2)
    state.domain.callback.compare_exchange_strong(nothing, &state.chains->empty_chains(),
                                                  std::memory_order_release, std::memory_order_relaxed);
}

void stop_nmi(machine& m) noexcept
{
    m.internals().domain.ignore_nmis.fetch_add(1, std::memory_order_relaxed); // a flag, nothing with it
}

void restart_nmi(machine& m) noexcept
{
    BUG_ON(m.internals().domain.ignore_nmis.fetch_sub(1, std::memory_order_relaxed) <= 0);
}

void set_nmi_longest_ns(machine& m, std::uint64_t longest_ns, bool cpu_time) noexcept
{
    m.internals().domain.nmi_longest_ns.store(longest_ns, std::memory_order_relaxed); // knobs
    m.internals().domain.nmi_check_cpu_time.store(cpu_time, std::memory_order_relaxed);
}

} // namespace nmisim
