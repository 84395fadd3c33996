// SPDX-License-Identifier: MIT
#include "rcu/bp.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

namespace nmisim::rcu {

static_assert(sizeof(rcu_head) <= sizeof(rcu_callback_head::storage));

const rcu_ops bp_ops{
    flavor::bp,
    // A first, empty section registers: urcu_bp_register_thread() is a no-op.
    []() { urcu_bp_read_lock(), urcu_bp_read_unlock(); },
    // bp unregisters in the thread's exit, from a TSD destructor.
    []() {},
    []() { bp::read_lock(); },
    []() { bp::read_unlock(); },
    []() {},
    []() {},
    []() {},
    []() { urcu_bp_synchronize_rcu(); },
    [](rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_bp_call_rcu(reinterpret_cast<rcu_head*>(head), reinterpret_cast<void (*)(rcu_head*)>(fn));
    },
    []() { urcu_bp_barrier(); },
    []() { urcu_bp_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
