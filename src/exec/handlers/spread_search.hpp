// SPDX-License-Identifier: MIT
//
// A sweep of a function that is called often, in few runs: as many places as it has calls get their signals in one run, each in
// a call of its own. Where the outcome differs the places are halved until one is left, which differs alone in its call; then the
// others go on without it. What is in no such run (the function is called a few times, calls take another path, signals are blocked)
// is left for forks and runs of its own.
#pragma once

#include "exec/comparison.hpp"
#include "exec/handlers/spread_signals.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace nmisim::exec {

class spread_search {
public:
    struct hooks {
        /// With signals in other calls, or alone, the outcome is as without.
        std::function<void(const spread_place&)> same;
        /// Alone it differs: which execution of the instruction it was, and what came out.
        std::function<void(const spread_place&, std::uint64_t execution, const outcome&)> differs;
    };

    spread_search(comparison& c, const recorded_call& call, hooks h)
        : c_(c), call_(call), hooks_(std::move(h))
    {}

    /// What has been tried is taken out.
    void run(std::vector<recorded_call::boundary>& todo);

    unsigned runs() const noexcept { return runs_; }
    /// Places that differ with signals in other calls, it seems, and not alone.
    unsigned only_together() const noexcept { return only_together_; }
    /// Why not all were tried in calls of their own; empty: all were.
    const std::string& why_not() const noexcept { return why_not_; }

private:
    using places = std::vector<spread_place>;
    struct attempt {
        std::vector<placed_signal::state> states;
        std::uint64_t execution = 0;
        std::string why_not;
        outcome what;
    };

    attempt shoot(const places& all, bool counts = false);
    bool differ(const outcome& o) const { return !c_.differing(o).empty(); }
    bool halve(places left);
    bool try_alone(const spread_place& one);
    void finish(const spread_place& one);

    comparison& c_;
    const recorded_call& call_;
    const hooks hooks_;
    unsigned runs_ = 0;
    unsigned only_together_ = 0;
    std::string why_not_;
    std::set<recorded_call::boundary> finished_;
};

} // namespace nmisim::exec
