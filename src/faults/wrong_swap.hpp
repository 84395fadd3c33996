// SPDX-License-Identifier: MIT
//
// The writer's faults. A swap builds a handler, publishes it, waits a grace period and reclaims the old one; each
// fault does exactly one of the four wrong. The caller (a run's swapper, an exploration's window) provides the
// steps.
#pragma once

#include "nmi/handlers/checked_handler.hpp"

#include <atomic>

namespace nmisim {

/// What a wrong publication is made of. Context: control, vcpu.
class swap_steps {
public:
    virtual void set(nmi_callback& callback) = 0;
    void unset() { set(dummy_nmi_callback); }
    virtual void synchronize_rcu() = 0;
    /// The injection point: returns when NMIs have met what is published now, instead of hoping that one does.
    virtual void nmi_everywhere() = 0;
    /// Where the published pointer is, and how often to try what the compiler may have put in a wrong order.
    virtual std::atomic<nmi_callback*>& slot() = 0;
    virtual int tries() const = 0;

protected:
    ~swap_steps() = default;
};

struct wrong_swap {
    /// From `old` published to `next` published; null: by rcu_assign_pointer.
    void (*publish)(swap_steps&, checked_handler& old, checked_handler& next) = nullptr;
    bool builds_complete = true; ///< false: with its data not initialised
    bool waits = true;           ///< for a grace period
    bool fences = true; ///< false: the grace period begins without the updater's fence, or membarrier(2)
    unsigned reclaims_of_every_16th = 1; ///< of every 16th old handler

    bool is_right() const noexcept
    {
        return publish == nullptr && builds_complete && waits && fences && reclaims_of_every_16th == 1;
    }
};

namespace wrong {
void publish_before_init(swap_steps&, checked_handler& old, checked_handler& next);
void publish_plainly(swap_steps&, checked_handler& old, checked_handler& next);
void unset_then_set(swap_steps&, checked_handler& old, checked_handler& next);
void add_then_remove(swap_steps&, checked_handler& old, checked_handler& next);
} // namespace wrong

} // namespace nmisim
