// SPDX-License-Identifier: MIT
#include "exec/handlers/spread_search.hpp"

#include <fmt/format.h>

namespace nmisim::exec {

spread_search::attempt spread_search::shoot(const places& all, bool counts)
{
    spread_signals shots(call_.known(), {c_.report.config.signal, all, counts});
    c_.tell(fmt::format("{} signals in calls of their own", all.size()));
    traced_run run = c_.traced(0, true, shots, 0);
    ++runs_;
    return {shots.states(), shots.execution(), shots.why_not(), std::move(run.what)};
}

void spread_search::run(std::vector<recorded_call::boundary>& todo)
{
    // With fewer a run costs as much as forks do, and so do the stops of more visits.
    constexpr std::size_t fewest_at_once = 8;
    constexpr std::uint64_t most_visits = 16;
    bool goes_on = true;
    while (goes_on) {
        places all;
        for (const recorded_call::boundary& b : todo)
            if (b.visit <= most_visits)
                all.push_back({b, all.size() + 1});
        why_not_ = todo.empty()               ? ""
                   : all.size() < todo.size() ? "late visits take many stops"
                                              : "they are few";
        if (all.size() < fewest_at_once)
            return;
        const attempt a = shoot(all);
        places arrived;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (a.states[i] == placed_signal::state::delivered)
                arrived.push_back(all[i]);
        why_not_ = !a.why_not.empty()                ? a.why_not
                   : arrived.size() < fewest_at_once ? "too few calls come to them"
                                                     : "";
        if (!why_not_.empty())
            return;
        if (differ(a.what))
            c_.take_as_unstable(c_.differing(c_.without_nmis(true).what));
        if (differ(a.what)) { // not by itself
            goes_on = halve(std::move(arrived));
        } else {
            for (const spread_place& one : arrived)
                finish(one);
        }
        std::erase_if(todo, [&](const recorded_call::boundary& b) { return finished_.contains(b); });
    }
    why_not_ = "many of them differ";
}

/// Of places that differ together. False: there are many causes, and what is left stays untried.
bool spread_search::halve(places left)
{
    constexpr unsigned most_halved = 4;
    for (unsigned cause = 0; cause < most_halved; ++cause) {
        const spread_place one =
            one_cause(left, [&](const places& some) { return differ(shoot(some).what); });
        only_together_ += try_alone(one) ? 0 : 1;
        std::erase_if(left, [&](const spread_place& p) { return p.call == one.call; });
        if (left.empty() || !differ(shoot(left).what)) {
            for (const spread_place& other : left)
                finish(other);
            return true;
        }
    }
    return false;
}

bool spread_search::try_alone(const spread_place& one)
{
    const attempt alone = shoot({one}, true);
    if (!differ(alone.what)) {
        finish(one);
        return false;
    }
    finished_.insert(one.at);
    hooks_.differs(one, alone.execution, alone.what);
    return true;
}

void spread_search::finish(const spread_place& one)
{
    finished_.insert(one.at);
    hooks_.same(one);
}

} // namespace nmisim::exec
