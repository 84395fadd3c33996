// SPDX-License-Identifier: MIT
#include "rcu/qsbr.hpp"

#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {
namespace {

static_assert(sizeof(rcu_head) <= callback_room);

void synchronize(rcu_domain*)
{
    urcu_qsbr_synchronize_rcu();
    grace_period_ended();
}

} // namespace

const rcu_ops qsbr_ops{
    flavor::qsbr,
    []() { urcu_qsbr_register_thread(); },
    []() { urcu_qsbr_unregister_thread(); },
    [](rcu_domain*) { return qsbr::read_lock(), rcu_mark{}; },
    [](rcu_domain*, rcu_mark) { qsbr::read_unlock(); },
    []() {
        section_ends();
        const inside_liburcu its_own;
        urcu_qsbr_quiescent_state();
    },
    []() { qsbr::stop_watching(); },
    []() { qsbr::start_watching(); },
    synchronize,
    synchronize,
    synchronize,
    [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) {
        urcu_qsbr_call_rcu(reinterpret_cast<rcu_head*>(head),
                           reinterpret_cast<void (*)(rcu_head*)>(callback_passed(head, fn)));
    },
    [](rcu_domain*) {
        const inside_liburcu its_own;
        urcu_qsbr_barrier(), callbacks_have_run();
    },
    [](rcu_domain*) { urcu_qsbr_get_default_call_rcu_data(); },
    []() noexcept { return qsbr::is_watching(); },
};

} // namespace nmisim::rcu
