// SPDX-License-Identifier: MIT
#include "rcu/mb.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

namespace nmisim::rcu {

static_assert(sizeof(rcu_head) <= sizeof(rcu_callback_head::storage));

const rcu_ops mb_ops{
    flavor::mb,
    []() { urcu_mb_register_thread(); },
    []() { urcu_mb_unregister_thread(); },
    []() { mb::read_lock(); },
    []() { mb::read_unlock(); },
    []() {},
    []() {},
    []() {},
    []() { urcu_mb_synchronize_rcu(); },
    [](rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_mb_call_rcu(reinterpret_cast<rcu_head*>(head), reinterpret_cast<void (*)(rcu_head*)>(fn));
    },
    []() { urcu_mb_barrier(); },
    []() { urcu_mb_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
