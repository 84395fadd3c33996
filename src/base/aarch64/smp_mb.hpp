// SPDX-License-Identifier: MIT
//
// A full fence of ordinary memory: dmb ish. Kernel: smp_mb().
#pragma once

#include <atomic>

namespace nmisim {

inline void smp_mb() noexcept
{
    // (1) seq_cst fence: dmb ish; pairs with outside: whoever calls it says with what
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

} // namespace nmisim
