// SPDX-License-Identifier: MIT
//
// What a vCPU keeps for NMIs that interrupt NMIs (nmi/entry/nesting.hpp). None of it is used where the signal stays
// blocked inside its handler.
#pragma once

#include "base/counter.hpp"

#include <atomic>
#include <cstdint>

namespace nmisim {

/// Kernel: enum nmi_states. A number, because it is decremented.
enum : int { nmi_not_running = 0, nmi_executing = 1, nmi_latched = 2 };

/// What an NMI's stack frame holds, as far as it matters here: whose it is, and where to go back to.
struct nmi_stack_frame {
    std::uintptr_t ip = 0;
    std::uint64_t sequence = 0;
};

struct nmi_nesting {
    std::atomic<int> state{nmi_not_running}; ///< own thread only, in NMI context
    /// NMIs on top of each other, without the machine. Counted with the signal blocked: preempt_count says it only
    /// from nmi_enter on, and a pending NMI comes as soon as the signal is open.
    std::uint32_t depth = 0;
    std::uint32_t max_depth = 0;     ///< with the machine the depth is 1
    std::uint64_t latched_stamp = 0; ///< when the NMI that set LATCHED was raised (runtime/origin.hpp)
    std::uint64_t sequence = 0;
    nmi_stack_frame fixed_frame; ///< the IST stack
    counter nested;              ///< NMIs that interrupted one
    counter merged;              ///< of these, found LATCHED: they execute as one with another
    counter restarts;            ///< passes of the restart loop
};

} // namespace nmisim
