// SPDX-License-Identifier: MIT
//
// What every campaign begins with and goes by: the plain runs, the traced run without NMIs, what is compared, how long a run
// may take. Siblings build on it: storms in campaign.cpp, single calls in each_call_campaign.cpp.
#pragma once

#include "exec/campaign.hpp"
#include "exec/runs.hpp"

#include <utility>

namespace nmisim::exec {

/// How often a run that differs is tried in all.
inline constexpr unsigned most_tries = 5;

/// What ends a campaign before its end.
struct ended {
    exec_verdict verdict;
    std::string why;
};

class comparison {
public:
    comparison(const exec_config& c, const progress& tell, const journal& note, const exec_report* before);

    /// Errors, here and below: ended.
    void begin();
    /// What an earlier search of the same has finished; nullptr: nothing.
    const exec_report* before() const noexcept { return before_; }

    const outcome& expected() const { return report.plain.front(); }
    aspects compared() const;
    /// In what a run differs from the plain ones, of what is compared.
    aspects differing(const outcome& o) const { return differences(expected(), o, compared()); }
    /// What differs in `first`, a run with NMIs, and is still compared once there have been most_tries runs: `again` makes another
    /// one, and one without NMIs beside it. `counted`: 0 if `first` does not count itself.
    std::vector<difference> repeated(const outcome& first, bool restart,
                                     const std::function<outcome(unsigned attempt)>& again,
                                     unsigned counted = 1);
    void end_if_stopped() const;
    /// In what runs without NMIs differ is not compared; where that is the status, nothing is.
    void take_as_unstable(const aspects& differ);
    void forget_unstable(std::vector<difference>& found) const;
    traced_run traced(double rate_hz, bool restart, strategy& s, unsigned attempt);
    traced_run without_nmis(bool restart);
    void tell(std::string_view what) const { tell_(what); }
    void note() const { note_(report); }
    wake_ups& wakes() noexcept { return wake_ups_; }
    int stop_signal() const noexcept { return wake_ups_.stop_signal(); }

    exec_report report;

private:
    void run_baseline();
    void run_traced_baseline();
    void check_before() const;
    std::uint64_t timeout_ns() const;

    const progress& tell_;
    const journal& note_;
    const exec_report* const before_;
    wake_ups wake_ups_;
};

/// One of `some`, which differ together, that seems to be a cause of it.
template <class T, class Differ>
T one_cause(std::vector<T> some, const Differ& differ)
{
    while (some.size() > 1) {
        const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
        std::vector<T> half(some.begin(), middle);
        if (differ(half))
            some = std::move(half);
        else
            some.erase(some.begin(), middle);
    }
    return some.front();
}

/// From its first run to its report, whatever ended it.
template <class Campaign>
exec_report run_campaign(const exec_config& c, const progress& tell, const journal& note,
                         const exec_report* before = nullptr)
{
    adopt_orphans();
    comparison runs(c, tell, note, before);
    try {
        Campaign(runs).run();
    } catch (const ended& e) {
        runs.report.verdict = e.verdict;
        runs.report.why = e.why;
    }
    runs.report.stop_signal = runs.stop_signal();
    return std::move(runs.report);
}

} // namespace nmisim::exec
