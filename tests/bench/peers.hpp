// SPDX-License-Identifier: MIT
//
// How other projects keep a handler's data alive while a signal handler uses it, each as short as possible, to measure
// only its own cost. They count and call the same callback as do_nmi does, on the same vCPU area.
//
//   unprotected     the pointer alone: nothing says when the old one may be freed
//   liburcu memb    liburcu's reader as packaged, inlined; a plain counter that its updater orders by membarrier(2)
//   liburcu bp      the same, and it registers threads by itself
//   ck_epoch        Concurrency Kit's epochs: one locked exchange per section (only where libck is there)
//   hazard pointer  published before use and looked at again; its updater orders the two by membarrier(2). Folly's
//                   hazptr has that form, P2530 the words
//   gperftools      profile-handler.cc: one lock (base/spinlock.h) held while a list of callbacks runs
//   signal-hook     half_lock.rs: two shared counters, picked by a generation, all seq_cst
//   async-profiler  profiler.cpp: 16 try-locks picked by the thread; who finds three taken drops its sample
//   atomic<shared_ptr>  libstdc++'s: a reference count behind a lock bit
//
// gperftools' and the shared pointer's stall if a signal interrupts a reader of theirs that holds the lock. They are here
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
