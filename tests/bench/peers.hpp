// SPDX-License-Identifier: MIT
//
// How other projects keep a handler's data alive while a signal handler uses it, each as short as possible, to measure
// only its own cost. They count and call the same callback as do_nmi does, on the same vCPU area.
//
//   unprotected         the pointer alone: nothing says when the old one may be freed
//   ck_epoch            Concurrency Kit's epochs: one locked exchange per section (only where libck is there)
//   spinlock            gperftools' profile-handler: one lock held while the callbacks run
//   half-lock           signal-hook's half_lock.rs: two shared counters and a generation, all seq_cst
//   atomic<shared_ptr>  libstdc++'s: a reference count behind a lock bit
//
// The last three deadlock or stall when a signal interrupts a reader of theirs that holds the lock bit. They are here
// only to compare speed; docs/performance.md.
#pragma once

#include "nmisim/callback.hpp"

#include <span>

namespace nmisim::bench {

struct peer {
    const char* name;
    /// Context: what do_nmi has.
    void (*dispatch)(const pt_regs&) noexcept;
    /// On a thread that is a bench_cpu, before and after it dispatches.
    void (*join)();
    void (*leave)();
};

/// The callback that all of them call.
extern nmi_callback claims_it;

std::span<const peer> all_peers() noexcept;

} // namespace nmisim::bench
