// SPDX-License-Identifier: MIT
#include "rcu/memb.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

namespace nmisim::rcu {

static_assert(sizeof(rcu_head) <= sizeof(rcu_callback_head::storage));

const rcu_ops memb_ops{
    flavor::memb,
    []() { urcu_memb_register_thread(); },
    []() { urcu_memb_unregister_thread(); },
    []() { memb::read_lock(); },
    []() { memb::read_unlock(); },
    []() {},
    []() {},
    []() {},
    []() { urcu_memb_synchronize_rcu(); },
    [](rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_memb_call_rcu(reinterpret_cast<rcu_head*>(head), reinterpret_cast<void (*)(rcu_head*)>(fn));
    },
    []() { urcu_memb_barrier(); },
    []() { urcu_memb_get_default_call_rcu_data(); },
};

} // namespace nmisim::rcu
