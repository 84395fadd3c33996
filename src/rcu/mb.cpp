// SPDX-License-Identifier: MIT
#include "rcu/mb.hpp"

#include "rcu/liburcu.hpp"

namespace nmisim::rcu {

constinit const rcu_ops mb_ops =
    liburcu_ops<mb, urcu_mb_register_thread, urcu_mb_unregister_thread, urcu_mb_synchronize_rcu,
                urcu_mb_call_rcu, urcu_mb_barrier, urcu_mb_get_default_call_rcu_data>();

} // namespace nmisim::rcu
