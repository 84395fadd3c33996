// SPDX-License-Identifier: MIT
//
// The asking side of an all-CPU backtrace: nmi_trigger_cpumask_backtrace() of lib/nmi_backtrace.c. One at a time;
// a second caller returns silently. The mask is of vCPUs that are online; each gets an NMI, and the caller waits
// up to ten seconds, in steps of a millisecond, for all to have answered.
#pragma once

#include "nmi/handlers/cpu_backtrace.hpp"
#include "nmisim/machine.hpp"

#include <cstdint>
#include <vector>

namespace nmisim {

struct cpu_frames {
    int cpu = -1;
    std::vector<std::uintptr_t> frames; ///< innermost first
};

struct backtrace_outcome {
    bool busy = false;                ///< somebody else's is under way: nothing was done
    std::vector<cpu_frames> answered; ///< in the order of their numbers
    std::vector<int> unanswered;      ///< not within the limit; their bits are taken back
    std::uint64_t took_ns = 0;
};

/// `board` is the job of the handlers that are published.
/// Context: control, not on a vCPU (which would need no NMI for itself).
backtrace_outcome nmi_trigger_cpumask_backtrace(machine& m, backtrace_board& board,
                                                const std::vector<int>& mask,
                                                std::uint64_t limit_ns = 10'000'000'000);

} // namespace nmisim
