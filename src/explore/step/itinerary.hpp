// SPDX-License-Identifier: MIT
//
// How to get to a recorded boundary, the cheapest way. A breakpoint at boundary u <= k, and from there k - u single steps.
// In a loop it lets the earlier rounds pass, each for one trap and one step; for one trap where an instruction stands that
// the handler makes, as it does with most.
#pragma once

#include "explore/step/breakpoint.hpp"
#include "explore/step/stepper.hpp"

#include <initializer_list>
#include <unordered_map>
#include <vector>

namespace nmisim::explore {

/// A run that took another path than the recorded one is repeated: a clock read takes one of several, and the recorded
/// one may be rare. Only so many times: the code may never take that path again.
class path_tries {
public:
    /// The next try at a boundary, `before` have failed.
    bool another(unsigned before) noexcept
    {
        return before == 0 || (before < at_one_boundary && in_all_ != 0 && in_all_-- != 0);
    }

private:
    static constexpr unsigned at_one_boundary = 100;
    unsigned in_all_ = 2000;
};

/// Which system calls of a recording get gates. Each costs a trap in each run.
enum class gates : std::uint8_t {
    all,        ///< a thread that is about to wait must be seen
    of_signals, ///< those that an NMI under way depends on, and that may block SIGTRAP
};

inline bool is_wanted(const recording& t, std::uint32_t gate, gates which) noexcept
{
    return which == gates::all || t.gate_of_signals[gate];
}

class itinerary {
public:
    itinerary(const recording& recorded, method how, gates which = gates::all)
        : recorded_(recorded), gated_(how != method::single_step)
    {
        if (how == method::single_step)
            return;
        constexpr std::uint32_t no_anchor = ~std::uint32_t{0}; // a gate's breakpoint is there, or none can be
        std::unordered_map<std::uintptr_t, std::uint32_t> rounds;
        rounds.reserve(recorded.count);
        ways_.reserve(recorded.count);
        for (std::uint32_t g = 0; g < recorded.gates; ++g)
            if (is_wanted(recorded, g, which))
                rounds[recorded.gate[g]] = no_anchor;
        for (std::uint32_t k = 0; k < recorded.count; ++k)
            if (!can_carry_breakpoint(recorded.ip[k]))
                rounds[recorded.ip[k]] = no_anchor;
        way cheapest{no_boundary, 0};
        constexpr std::uint32_t trap = 16; // it takes as long as so many steps that the handler makes
        std::uint32_t costs = 0;           ///< of that way, in such steps
        for (std::uint32_t k = 0; k < recorded.count; ++k) {
            std::uint32_t& round = rounds[recorded.ip[k]];
            const bool made = recorded.code != nullptr && arch::is_makeable(recorded.code[k]);
            const std::uint32_t costs_of_rounds = round * (made ? trap : 2 * trap);
            if (round != no_anchor && (cheapest.anchor == no_boundary || costs_of_rounds <= costs)) {
                cheapest = {k, round};
                costs = costs_of_rounds;
            }
            if (round != no_anchor)
                ++round;
            ways_.push_back(cheapest);
            costs += made ? 1 : trap;
        }
    }

    plan to(std::uint32_t boundary, at_target action) const
    {
        plan p;
        p.target = boundary;
        p.action = action;
        p.gated = gated_;
        if (boundary != no_boundary)
            p.target_ip = recorded_.ip[boundary];
        if (!ways_.empty() && boundary != no_boundary && ways_[boundary].anchor != no_boundary) {
            p.anchor_index = ways_[boundary].anchor;
            p.anchor_passes = ways_[boundary].passes;
            p.anchor = recorded_.ip[p.anchor_index];
        }
        return p;
    }

private:
    struct way {
        std::uint32_t anchor;
        std::uint32_t passes;
    };
    const recording& recorded_;
    bool gated_;
    std::vector<way> ways_;
};

/// Gates on the system calls that the recordings met. Without them a window that blocks all signals would
/// block SIGTRAP too, and the next breakpoint would kill the process. So if one cannot be had there are none, and
/// false says that breakpoints must not be used.
inline bool plant_gates(std::initializer_list<const recording*> recordings, gates which = gates::all)
{
    bool all = true;
    for (const recording* t : recordings) {
        all = all && !t->more_gates;
        for (std::uint32_t i = 0; i < t->gates && all; ++i)
            if (is_wanted(*t, i, which))
                all = plant(t->gate[i], breakpoint_kind::gate, nullptr);
    }
    for (const recording* t : recordings)
        for (std::uint32_t i = 0; i < t->gates && !all; ++i)
            if (breakpoint* b = find_breakpoint(t->gate[i]); b != nullptr)
                forget(*b);
    return all;
}

} // namespace nmisim::explore
