// SPDX-License-Identifier: MIT
//
// One lock for all that changes: which signals are taken, opening, slots, attaching, fork. Its holder has all signals blocked, so
// no handler ever meets it held by its own thread. Outermost; never held while waiting.
#pragma once

#include "base/signal_mask.hpp"

namespace nmisim::runtime {

/// Holds the control lock. Context: all signals that can wait are blocked.
class control_guard {
public:
    control_guard() noexcept;
    ~control_guard();
    control_guard(const control_guard&) = delete;
    control_guard& operator=(const control_guard&) = delete;
};

/// The same, and blocks them. Context: control, and handlers of others.
class control_section {
    signals_blocked blocked_;
    control_guard guard_;
};

/// In fork(): one thread holds on across the call, with its signals blocked.
void hold_control_lock(sigset_t& mask) noexcept;
void release_control_lock(const sigset_t& mask) noexcept;

} // namespace nmisim::runtime
