// SPDX-License-Identifier: MIT
#include "rcu/memb.hpp"

#include "rcu/liburcu.hpp"

namespace nmisim::rcu {

constinit const rcu_ops memb_ops = with_membarrier<urcu_memb_synchronize_rcu, &urcu_memb_has_sys_membarrier>(
    liburcu_ops<memb, urcu_memb_register_thread, urcu_memb_unregister_thread, urcu_memb_synchronize_rcu,
                urcu_memb_call_rcu, urcu_memb_barrier, urcu_memb_get_default_call_rcu_data>());

} // namespace nmisim::rcu
