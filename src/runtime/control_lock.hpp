// SPDX-License-Identifier: MIT
//
// One lock for all that changes: which signals are taken, opening, slots, attaching, fork. Its holder has all signals blocked, so
// no handler ever meets it held by its own thread. Outermost; never held while waiting.
#pragma once

#include "base/signal_mask.hpp"

#include <pthread.h>

namespace nmisim::runtime {

/// Protects all that is said to be "under the control lock". Never destroyed.
inline pthread_mutex_t control_mutex = PTHREAD_MUTEX_INITIALIZER;

/// Holds the control lock. Context: all signals that can wait are blocked.
class control_guard {
public:
    control_guard() noexcept { pthread_mutex_lock(&control_mutex); }
    ~control_guard() { pthread_mutex_unlock(&control_mutex); }
    control_guard(const control_guard&) = delete;
    control_guard& operator=(const control_guard&) = delete;
};

/// The same, and blocks them. Context: control, and handlers of others.
class control_section {
    signals_blocked blocked_;
    control_guard guard_;
};

} // namespace nmisim::runtime
