// SPDX-License-Identifier: MIT
#include "rcu/qsbr.hpp"

#include "rcu/liburcu.hpp"

namespace nmisim::rcu {

constinit const rcu_ops qsbr_ops = [] {
    rcu_ops ops =
        liburcu_ops<qsbr, urcu_qsbr_register_thread, urcu_qsbr_unregister_thread, urcu_qsbr_synchronize_rcu,
                    urcu_qsbr_call_rcu, urcu_qsbr_barrier, urcu_qsbr_get_default_call_rcu_data>();
    ops.quiescent_state = [] {
        section_ends();
        const inside_liburcu its_own;
        urcu_qsbr_quiescent_state();
    };
    ops.thread_offline = [] { qsbr::stop_watching(); };
    ops.thread_online = [] { qsbr::start_watching(); };
    ops.is_watching = []() noexcept { return qsbr::is_watching(); };
    return ops;
}();

} // namespace nmisim::rcu
