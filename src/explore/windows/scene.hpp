// SPDX-License-Identifier: MIT
//
// What the shipped windows work on: a real machine whose one vCPU sleeps, and a second vCPU on the explored thread, so
// that its NMIs go through the ordinary signal entry and do_nmi. Two checked handlers take turns: #0 is published, #1
// is built and swapped in. Windows are plain functions, so there is one scene per process; the parent says what it
// contains and every child builds its own.
#pragma once

#include "faults/fault.hpp"
#include "nmi/entry/entry.hpp"
#include "nmi/handlers/checked_handler.hpp"
#include "nmisim/machine.hpp"
#include "rcu/rcu.hpp"

namespace nmisim {
class vcpu_thread;
}

namespace nmisim::explore {

/// What children must build.
struct scene_choice {
    flavor rcu = flavor::memb;
    fault left_out = fault::none;
    nesting how = nesting::blocked;
    int irqs = 0;
    unsigned readers = 1;
};
/// Written by the parent.
inline scene_choice chosen;

// Child, each once.
void build_machine();                 ///< the machine only
void build_machine_and_come_online(); ///< and the calling thread is vCPU 1
void reader_comes_online();           ///< map: the calling thread is vCPU 1, idle if the flavor has that
void second_reader_comes_online();    ///< map: the calling thread is vCPU 2, as above
void updater_is_known();              ///< map: the calling thread may be a reader too

machine& the_machine() noexcept;
vcpu_thread& explored_vcpu() noexcept;
const domain_rcu& the_rcu() noexcept;
const nmi_entry& the_entry() noexcept;
checked_handler& handler(int which) noexcept;
/// A window: do_nmi by a plain call, as its entry makes it.
void do_nmi_by_hand();

/// Handler `which` complete, of a new generation.
void build(checked_handler& h) noexcept;
/// Poisoned, with garbage as data: a reclaimed handler.
void reclaim(checked_handler& h) noexcept;
/// Handler #0 published, #1 reclaimed, the counts remembered.
void prepare() noexcept;
/// The same; an NMI that meets the dummy is right.
void prepare_dummy_allowed() noexcept;

/// What a check has noticed since prepare(), and the books: one NMI handled or counted offline.
const char* broken_after_one_nmi() noexcept;
/// Without books: the threads of a map take no NMI.
const char* broken() noexcept;
/// A note of a window's own, kept until prepare().
void note_broken(const char* what) noexcept;
std::uint64_t nmis_since_prepare() noexcept;

} // namespace nmisim::explore
