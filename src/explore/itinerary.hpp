// SPDX-License-Identifier: MIT
//
// How to get to a recorded boundary. An address that the window reaches for the first time at boundary k can
// carry a one-shot breakpoint for k; a later boundary (a loop's second round) is single-stepped from the
// nearest such anchor before it.
#pragma once

#include "explore/breakpoint.hpp"
#include "explore/stepper.hpp"

#include <unordered_set>
#include <vector>

namespace nmisim::explore {

class itinerary {
public:
    itinerary(const trace& recorded, method how) : trace_(recorded)
    {
        if (how == method::single_step)
            return;
        // A gate is a breakpoint already.
        std::unordered_set<std::uintptr_t> seen(recorded.gate.begin(),
                                                recorded.gate.begin() + recorded.gates);
        std::uint32_t nearest = no_boundary;
        for (std::uint32_t i = 0; i < recorded.count; ++i) {
            if (seen.insert(recorded.ip[i]).second)
                nearest = i;
            anchor_.push_back(nearest);
        }
    }

    plan to(std::uint32_t boundary, at_target action) const
    {
        plan p;
        p.target = boundary;
        p.action = action;
        if (!anchor_.empty() && boundary != no_boundary && anchor_[boundary] != no_boundary) {
            p.anchor_index = anchor_[boundary];
            p.anchor = trace_.ip[p.anchor_index];
        }
        return p;
    }

private:
    const trace& trace_;
    std::vector<std::uint32_t> anchor_;
};

/// Gates on every system call that the recording met. Without them a window that blocks all signals would
/// block SIGTRAP too, and the next breakpoint would kill the process.
inline bool plant_gates(const trace& recorded)
{
    bool all = true;
    for (std::uint32_t i = 0; i < recorded.gates; ++i)
        all = plant(recorded.gate[i], breakpoint_kind::gate, nullptr) && all;
    return all;
}

} // namespace nmisim::explore
