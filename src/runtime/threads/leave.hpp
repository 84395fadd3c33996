// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/thread_block.hpp"

namespace nmisim::runtime {

/// Of each key: the thread ends. Tid and timer go, pending signals are taken off and booked; what is foreign among them is
/// sent on to the process. Blocks the signal, and leaves it blocked.
extern "C" void thread_ends(void* block);

} // namespace nmisim::runtime
