// SPDX-License-Identifier: MIT
#include "rcu/rcu.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim {

const rcu_ops& rcu_ops_of(flavor f) noexcept
{
    switch (f) {
    case flavor::memb: return rcu::memb_ops;
    case flavor::mb: return rcu::mb_ops;
    case flavor::bp: return rcu::bp_ops;
    case flavor::qsbr: return rcu::qsbr_ops;
    case flavor::nmi: return rcu::nmi_ops;
    case flavor::srcu: return rcu::srcu_ops;
    }
    return rcu::memb_ops;
}

bool has_membarrier() noexcept
{
    const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
}

} // namespace nmisim
