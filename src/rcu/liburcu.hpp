// SPDX-License-Identifier: MIT
//
// What the tables of liburcu's flavors have in common. To be included behind the flavor's own header, of which liburcu allows
// one in a translation unit (rcu/rcu.hpp).
#pragma once

#include "rcu/rcu.hpp"

#include "annotations.hpp" // rcu/annotations_*

#include <utility>

namespace nmisim::rcu {

/// The table of the flavor `Reader`, whose functions of liburcu are the others.
template <class Reader, auto Register, auto Unregister, auto Synchronize, auto Call, auto Barrier,
          auto StartWorker>
constexpr rcu_ops liburcu_ops() noexcept
{
    static_assert(sizeof(rcu_head) <= callback_room);
    constexpr auto synchronize = [](rcu_domain*) {
        Synchronize();
        grace_period_ended();
    };
    return {
        .id = Reader::id,
        .register_thread = [] { Register(); },
        .unregister_thread = [] { Unregister(); },
        .read_lock = [](rcu_domain*) { return Reader::read_lock(), rcu_mark{}; },
        .read_unlock = [](rcu_domain*, rcu_mark) { Reader::read_unlock(); },
        .synchronize = synchronize,
        .synchronize_alone = synchronize,
        .synchronize_unfenced = synchronize,
        .call =
            [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
                Call(reinterpret_cast<rcu_head*>(head),
                     reinterpret_cast<void (*)(rcu_head*)>(callback_passed(head, fn)));
            },
        .barrier =
            [](rcu_domain*) {
                const inside_liburcu its_own;
                Barrier(), callbacks_have_run();
            },
        .start_worker = [](rcu_domain*) { StartWorker(); },
    };
}

/// The same for a flavor whose updater has a fence of its own, and whose readers have none where `HasMembarrier` says so.
template <auto Synchronize, int* HasMembarrier>
constexpr rcu_ops with_membarrier(rcu_ops ops) noexcept
{
    ops.synchronize_unfenced = [](rcu_domain*) {
        const int answer = std::exchange(*HasMembarrier, 0);
        Synchronize();
        *HasMembarrier = answer;
    };
    return ops;
}

} // namespace nmisim::rcu
