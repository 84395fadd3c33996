// SPDX-License-Identifier: MIT
#include "rcu/memb.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

#include "annotations.hpp" // rcu/annotations_*

#include <utility>

namespace nmisim::rcu {
namespace {

static_assert(sizeof(rcu_head) <= callback_room);

void synchronize(rcu_domain*)
{
    urcu_memb_synchronize_rcu();
    grace_period_ended();
}

// The updater has a fence of its own, and its readers none.
void synchronize_unfenced(rcu_domain*)
{
    const int answer = std::exchange(urcu_memb_has_sys_membarrier, 0);
    urcu_memb_synchronize_rcu();
    urcu_memb_has_sys_membarrier = answer;
}

} // namespace

const rcu_ops memb_ops{
    flavor::memb,
    []() { urcu_memb_register_thread(); },
    []() { urcu_memb_unregister_thread(); },
    [](rcu_domain*) { return memb::read_lock(), rcu_mark{}; },
    [](rcu_domain*, rcu_mark) { memb::read_unlock(); },
    []() {},
    []() {},
    []() {},
    synchronize,
    synchronize,
    synchronize_unfenced,
    [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_memb_call_rcu(reinterpret_cast<rcu_head*>(head),
                           reinterpret_cast<void (*)(rcu_head*)>(callback_passed(head, fn)));
    },
    [](rcu_domain*) {
        const inside_liburcu its_own;
        urcu_memb_barrier(), callbacks_have_run();
    },
    [](rcu_domain*) { urcu_memb_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
