// SPDX-License-Identifier: MIT
//
// Flavor nmi: the counters that nmi_enter and nmi_exit keep are the RCU flavor (rcu/nmi_counter.hpp). One locked
// instruction on the thread's own cache line when the outermost section begins, a plain store when it ends,
// two plain ones for each nested section; a grace period only looks at the counters (rcu/nmi_grace_period.hpp).
//
// A thread that is not registered counts on a line that no updater looks at: unprotected, as with memb and mb.
#pragma once

#include "nmisim/flavor.hpp"
#include "rcu/nmi_platform.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {

extern hardware_reader unregistered_reader;
extern constinit __thread hardware_reader* this_reader __attribute__((
    tls_model("initial-exec"), visibility("hidden"))); // hidden: no GOT between a reader and its line

template <class Orders>
struct basic_nmi {
    static constexpr flavor id = flavor::nmi;

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept { enter_section<nmi_platform, Orders>(*this_reader); }
    static void read_unlock() noexcept
    {
        section_ends();
        exit_section<nmi_platform, Orders>(*this_reader);
    }

    /// What nmi_exit must undo.
    struct nmi_mark {
        std::uint64_t before;
    };
    static nmi_mark nmi_enter() noexcept { return {enter_section<nmi_platform, Orders>(*this_reader)}; }
    static void nmi_exit(nmi_mark mark) noexcept
    {
        section_ends();
        leave_section<nmi_platform, Orders>(*this_reader, mark.before);
    }
};

struct nmi : basic_nmi<nmi_orders> {};

} // namespace nmisim::rcu
