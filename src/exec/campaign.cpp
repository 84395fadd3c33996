// SPDX-License-Identifier: MIT
#include "exec/campaign.hpp"

#include "exec/call_table.hpp"
#include "exec/comparison.hpp"
#include "exec/trace/strategy.hpp"

#include <fmt/format.h>

namespace nmisim::exec {

namespace {

/// NMIs at a rate, wherever they fall. The shooter sends them; what is left to do is to note what they met.
class storm final : public strategy {
public:
    explicit storm(bool restart) noexcept : restart_(restart) {}

    void delivery(task& t, const interrupted& at) override { calls_.note(t, at, restart_); }
    const call_table& calls() const noexcept { return calls_; }

private:
    const bool restart_;
    call_table calls_;
};

class storms {
public:
    explicit storms(comparison& c) : c_(c) {}

    void run()
    {
        c_.begin();
        for (const bool restart : {true, false})
            if (const exec::restart asked = c_.report.config.restarts;
                asked == restart::both || (asked == restart::on) == restart)
                run_one_storm(restart);
        judge();
    }

private:
    storm_run storm_once(bool restart, unsigned attempt)
    {
        storm s(restart);
        traced_run run = c_.traced(c_.report.config.rate_hz, restart, s, attempt);
        return {restart, std::move(run.what), std::move(run.end), s.calls().rows()};
    }

    void run_one_storm(bool restart)
    {
        c_.tell(fmt::format("storm, SA_RESTART {}", restart ? "on" : "off"));
        c_.report.storms.push_back(storm_once(restart, 0));
        const storm_run first = c_.report.storms.back();
        if (first.end.delivered == 0)
            return;
        const auto found = c_.repeated(first.what, restart, [&](unsigned i) {
            c_.tell(fmt::format("storm again: {} of {}", i + 1, most_tries));
            c_.take_as_unstable(c_.differing(c_.without_nmis(restart).what));
            return storm_once(restart, i).what;
        });
        c_.report.differences.insert(c_.report.differences.end(), found.begin(), found.end());
    }

    void judge()
    {
        if (any_counts(c_.report.differences)) {
            c_.report.verdict = exec_verdict::differs;
            return;
        }
        for (const storm_run& s : c_.report.storms) {
            if (s.end.delivered != 0)
                continue;
            if (s.end.sent.sent != 0 && s.end.blocked != 0)
                throw ended{exec_verdict::all_blocked,
                            "no NMI was delivered: every thread that got one has it blocked"};
            throw ended{exec_verdict::none_delivered,
                        fmt::format("no NMI was {}: the run is too short. Raise --rate, or give the command "
                                    "more to do",
                                    s.end.sent.sent == 0 ? "sent" : "delivered")};
        }
        c_.report.verdict = exec_verdict::same;
    }

    comparison& c_;
};

} // namespace

exec_report run_storm(const exec_config& c, const progress& tell, const journal& note)
{
    return run_campaign<storms>(c, tell, note);
}

} // namespace nmisim::exec
