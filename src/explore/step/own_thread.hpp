// SPDX-License-Identifier: MIT
//
// What the trap handler must know about the thread that it interrupted. Initial-exec: reading it calls
// nothing, allocates nothing, and works at any instruction.
#pragma once

#include <cstdint>

namespace nmisim::explore {

class stepped_thread;

struct own_thread_state {
    stepped_thread* stepped = nullptr;
    std::uintptr_t step_over = 0; ///< breakpoint that is out while its instruction runs
};

extern constinit thread_local own_thread_state own_thread [[gnu::tls_model("initial-exec")]];

} // namespace nmisim::explore
