// SPDX-License-Identifier: MIT
#include "rcu/qsbr.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

namespace nmisim::rcu {

static_assert(sizeof(rcu_head) <= sizeof(rcu_callback_head::storage));

const rcu_ops qsbr_ops{
    flavor::qsbr,
    []() { urcu_qsbr_register_thread(); },
    []() { urcu_qsbr_unregister_thread(); },
    []() { qsbr::read_lock(); },
    []() { qsbr::read_unlock(); },
    []() { urcu_qsbr_quiescent_state(); },
    []() { urcu_qsbr_thread_offline(); },
    []() { urcu_qsbr_thread_online(); },
    []() { urcu_qsbr_synchronize_rcu(); },
    [](rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_qsbr_call_rcu(reinterpret_cast<rcu_head*>(head), reinterpret_cast<void (*)(rcu_head*)>(fn));
    },
    []() { urcu_qsbr_barrier(); },
    []() { urcu_qsbr_get_default_call_rcu_data(); },
    []() noexcept { return qsbr::is_watching(); },
};

} // namespace nmisim::rcu
