// SPDX-License-Identifier: MIT
#include "rcu/bp.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

#include "annotations.hpp" // rcu/annotations_*

#include <utility>

namespace nmisim::rcu {
namespace {

static_assert(sizeof(rcu_head) <= callback_room);

void synchronize(rcu_domain*)
{
    urcu_bp_synchronize_rcu();
    grace_period_ended();
}

// The updater has a fence of its own, and its readers none.
void synchronize_unfenced(rcu_domain*)
{
    const int answer = std::exchange(urcu_bp_has_sys_membarrier, 0);
    urcu_bp_synchronize_rcu();
    urcu_bp_has_sys_membarrier = answer;
}

} // namespace

const rcu_ops bp_ops{
    flavor::bp,
    // A first, empty section registers: urcu_bp_register_thread() is a no-op.
    []() { bp::read_lock(), bp::read_unlock(); },
    // bp unregisters in the thread's exit, from a TSD destructor.
    []() {},
    [](rcu_domain*) { return bp::read_lock(), rcu_mark{}; },
    [](rcu_domain*, rcu_mark) { bp::read_unlock(); },
    []() {},
    []() {},
    []() {},
    synchronize,
    synchronize,
    synchronize_unfenced,
    [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_bp_call_rcu(reinterpret_cast<rcu_head*>(head),
                         reinterpret_cast<void (*)(rcu_head*)>(callback_passed(head, fn)));
    },
    [](rcu_domain*) {
        const inside_liburcu its_own;
        urcu_bp_barrier(), callbacks_have_run();
    },
    [](rcu_domain*) { urcu_bp_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
