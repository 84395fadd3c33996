// SPDX-License-Identifier: MIT
#include "rcu/tls.hpp"

#include "nmi/percpu.hpp"
#include "peer_liburcu.hpp"
#include "peers.hpp"

#include <urcu/urcu-memb.h>

namespace nmisim::bench {
namespace {

nmi_callback* published_memb = &claims_it;

} // namespace

void liburcu_memb_dispatch(const pt_regs& regs) noexcept
{
    percpu& self = *this_cpu;
    urcu_memb_read_lock();
    self.count->add(one_nmi);
    nmi_callback* const callback = rcu_dereference(published_memb);
    (*callback)(regs, self.cpunumber);
    urcu_memb_read_unlock();
}

} // namespace nmisim::bench
