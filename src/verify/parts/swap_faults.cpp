// SPDX-License-Identifier: MIT
//
// The writer's faults: each a swapper with one step done wrong.
#include "faults/plain_publish.hpp"
#include "machine/machine_state.hpp"
#include "nmisim/nmi_chain.hpp"
#include "verify/parts/swapper.hpp"

namespace nmisim {
namespace {

struct no_grace_period : swapper {
    using swapper::swapper;
    void wait_grace_period() override {}
};

struct publish_before_init : swapper {
    using swapper::swapper;
    element* build() override { return pool_.take(false); }
    void publish(element& next) override
    {
        set(next);
        nmi_everywhere();
        pool_.initialise(next);
    }
};

/// Publishes by plain stores, again and again: the reordered stores are a few instructions apart, and each
/// repetition is another chance for an NMI to fall between them. Runs on a vCPU (run.cpp sees to that).
struct plain_publisher : swapper {
    using swapper::swapper;
    void publish(element& next) override
    {
        const handler_data complete = next.data;
        auto** place = reinterpret_cast<nmi_callback**>(&slot());
        for (int i = 0; i < 16384; ++i) {
            set(*current_);
            next.data.words.fill(canary_poison);
            // (1) seq_cst: the poison is stored (compiler only); pairs with outside: the NMI on this thread
            std::atomic_signal_fence(std::memory_order_seq_cst);
            plain_publish(&next.data, &complete, place, &next);
        }
    }
};

struct unset_then_set : swapper {
    using swapper::swapper;
    void publish(element& next) override
    {
        unset();
        nmi_everywhere();
        set(next);
    }
};

/// A chain of two for as long as both are registered.
struct pair_callback : checked_handler {
    nmi_callback* first = nullptr;
    nmi_callback* second = nullptr;
};

int call_pair(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    auto& pair = static_cast<pair_callback&>(self);
    return (*pair.first)(regs, cpu) + (*pair.second)(regs, cpu);
}

struct add_then_remove : swapper {
    using swapper::swapper;
    void publish(element& next) override
    {
        pair_.function = call_pair;
        pair_.canary.store(canary_alive, std::memory_order_relaxed); // published by set below
        pair_.data = make_handler_data(0);
        pair_.first = current_;
        pair_.second = &next;
        set(pair_); // add
        nmi_everywhere();
        set(next); // remove
        machine_.synchronize_rcu();
    }
    pair_callback pair_;
};

struct leak_retired : swapper {
    using swapper::swapper;
    void reclaim_now(element& old) override
    {
        if (++count_ % 16 != 0)
            swapper::reclaim_now(old);
    }
    unsigned count_ = 0;
};

struct double_reclaim : swapper {
    using swapper::swapper;
    void reclaim_now(element& old) override
    {
        swapper::reclaim_now(old);
        if (++count_ % 16 == 0)
            swapper::reclaim_now(old);
    }
    unsigned count_ = 0;
};

/// Publishes on the LOCAL chain. The registry waits a grace period at each change, so that the swapper's own is a
/// second one; what betrays the registry's are the handlers of chain_side.
template <class Swapper>
struct chained final : Swapper {
    using Swapper::Swapper;
    void set(nmi_callback& callback) override
    {
        if (&callback == &dummy_nmi_callback)
            registration_ = nmi_registration();
        else if (registration_)
            static_cast<void>(registration_.replace(nmi_handler(&callback))); // the pool's: destroys nothing
        else
            registration_ =
                register_nmi_handler(this->machine_, nmi_type::local, callback, 0, "nmi_callback");
    }
    nmi_registration registration_;
};

template <class Swapper>
std::unique_ptr<swapper> make(machine& m, element_pool& pool, reclaim how, int irq)
{
    if (irq == nmi_chain_slot)
        return std::make_unique<chained<Swapper>>(m, pool, how, irq);
    return std::make_unique<Swapper>(m, pool, how, irq);
}

} // namespace

std::unique_ptr<swapper> make_swapper(fault f, machine& m, element_pool& pool, reclaim how, int irq)
{
    switch (f) {
    case fault::no_grace_period: return make<no_grace_period>(m, pool, how, irq);
    case fault::publish_before_init: return make<publish_before_init>(m, pool, how, irq);
    case fault::plain_publish: return make<plain_publisher>(m, pool, how, irq);
    case fault::unset_then_set: return make<unset_then_set>(m, pool, how, irq);
    case fault::add_then_remove: return make<add_then_remove>(m, pool, how, irq);
    case fault::leak_retired: return make<leak_retired>(m, pool, how, irq);
    case fault::double_reclaim: return make<double_reclaim>(m, pool, how, irq);
    default: return make<swapper>(m, pool, how, irq);
    }
}

} // namespace nmisim
