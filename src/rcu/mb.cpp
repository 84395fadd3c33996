// SPDX-License-Identifier: MIT
#include "rcu/mb.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {
namespace {

static_assert(sizeof(rcu_head) <= callback_room);

void synchronize(rcu_domain*)
{
    urcu_mb_synchronize_rcu();
    grace_period_ended();
}

} // namespace

const rcu_ops mb_ops{
    flavor::mb,
    []() { urcu_mb_register_thread(); },
    []() { urcu_mb_unregister_thread(); },
    [](rcu_domain*) { return mb::read_lock(), rcu_mark{}; },
    [](rcu_domain*, rcu_mark) { mb::read_unlock(); },
    []() {},
    []() {},
    []() {},
    synchronize,
    synchronize,
    synchronize,
    [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_mb_call_rcu(reinterpret_cast<rcu_head*>(head),
                         reinterpret_cast<void (*)(rcu_head*)>(callback_passed(head, fn)));
    },
    [](rcu_domain*) {
        const inside_liburcu its_own;
        urcu_mb_barrier(), callbacks_have_run();
    },
    [](rcu_domain*) { urcu_mb_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
