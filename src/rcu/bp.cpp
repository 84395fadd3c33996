// SPDX-License-Identifier: MIT
#include "rcu/bp.hpp"

#include "rcu/liburcu.hpp"

namespace nmisim::rcu {
namespace {

/// As a first section would: urcu_bp_register_thread() is a no-op.
void register_thread() noexcept
{
    const inside_liburcu its_own;
    urcu_bp_register();
}

/// bp unregisters in the thread's exit, from a TSD destructor.
void unregister_thread() noexcept {}

} // namespace

constinit const rcu_ops bp_ops = with_membarrier<urcu_bp_synchronize_rcu, &urcu_bp_has_sys_membarrier>(
    liburcu_ops<bp, register_thread, unregister_thread, urcu_bp_synchronize_rcu, urcu_bp_call_rcu,
                urcu_bp_barrier, urcu_bp_get_default_call_rcu_data>());

} // namespace nmisim::rcu
