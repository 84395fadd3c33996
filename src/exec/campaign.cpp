// SPDX-License-Identifier: MIT
#include "exec/campaign.hpp"

#include "base/number_text.hpp"
#include "exec/runs.hpp"
#include "exec/storm.hpp"
#include "exec/trace/arch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <system_error>

namespace nmisim::exec {

namespace {

constexpr unsigned most_tries = 5;
constexpr std::uint64_t plain_timeout_ns = 600'000'000'000;
constexpr std::uint64_t least_timeout_ns = 5'000'000'000;

/// What ends a campaign before its end.
struct ended {
    exec_verdict verdict;
    std::string why;
};

bool has(const aspects& all, std::string_view one)
{
    return std::find(all.begin(), all.end(), one) != all.end();
}

void add_new(aspects& to, const aspects& more)
{
    for (const std::string& one : more)
        if (!has(to, one))
            to.push_back(one);
}

class campaign {
public:
    campaign(const exec_config& c, const progress& tell) : tell_(tell)
    {
        report_.config = c;
        report_.signal = SIGRTMAX - 3;
    }

    exec_report run()
    {
        try {
            run_baseline();
            run_traced_baseline();
            for (const bool restart : {true, false})
                if (const exec::restart asked = report_.config.restarts;
                    asked == restart::both || (asked == restart::on) == restart)
                    run_one_storm(restart);
            judge();
        } catch (const ended& e) {
            report_.verdict = e.verdict;
            report_.why = e.why;
        }
        report_.stop_signal = wake_ups_.stop_signal();
        return std::move(report_);
    }

private:
    const outcome& expected() const { return report_.plain.front(); }

    aspects compared() const
    {
        aspects left = report_.config.compared;
        std::erase_if(left, [&](const std::string& a) { return has(report_.unstable, a); });
        return left;
    }

    void end_if_stopped() const
    {
        if (wake_ups_.stop_signal() != 0)
            throw ended{exec_verdict::stopped, "stopped before the end"};
    }

    std::uint64_t timeout_ns() const
    {
        if (report_.config.timeout_ns != 0)
            return report_.config.timeout_ns;
        std::uint64_t longest = 0;
        for (const outcome& o : report_.plain)
            longest = std::max(longest, o.elapsed_ns);
        return 10 * longest + least_timeout_ns;
    }

    /// In what runs without NMIs differ is not compared; where that is the status, nothing is.
    void take_as_unstable(const aspects& differ)
    {
        add_new(report_.unstable, differ);
        if (has(differ, "status"))
            throw ended{
                exec_verdict::not_comparable,
                "the command differs from itself without NMIs: in its status, so nothing can be compared"};
        if (compared().empty())
            throw ended{exec_verdict::not_comparable,
                        "the command differs from itself in all that is compared (--compare)"};
    }

    void run_baseline()
    {
        const exec_config& c = report_.config;
        const std::uint64_t timeout = c.timeout_ns != 0 ? c.timeout_ns : plain_timeout_ns;
        for (unsigned i = 0; i < c.baseline; ++i) {
            tell_(fmt::format("plain run {} of {}", i + 1, c.baseline));
            plain_run p = run_plain(c, timeout, wake_ups_);
            end_if_stopped();
            if (p.error != 0)
                throw ended{exec_verdict::not_comparable,
                            fmt::format("cannot run {}: {}", c.argv.front(),
                                        std::generic_category().message(p.error))};
            if (p.what.hang)
                throw ended{
                    exec_verdict::not_comparable,
                    fmt::format(
                        "the plain run did not end in {}: run the command under timeout(1), or give it "
                        "longer by --timeout",
                        time_text(timeout))};
            report_.plain.push_back(std::move(p.what));
        }
        for (const outcome& o : report_.plain)
            take_as_unstable(differences(expected(), o, compared()));
    }

    traced_run traced(double rate_hz, bool restart, strategy& s, unsigned attempt)
    {
        const exec_config& c = report_.config;
        const trace_options how{.signal = report_.signal,
                                .restart = restart,
                                .rate_hz = rate_hz,
                                .seed = c.seed + attempt,
                                .timeout_ns = timeout_ns(),
                                .wait_all = c.waits == wait_for::all};
        traced_run run = run_traced(c, how, s, wake_ups_);
        end_if_stopped();
        if (!run.end.absent.empty())
            throw ended{exec_verdict::absent, run.end.absent};
        return run;
    }

    traced_run without_nmis(bool restart)
    {
        storm none(restart);
        return traced(0, restart, none, 0);
    }

    // One that wants the NMI's signal for itself gets another.
    void run_traced_baseline()
    {
        tell_("traced run without NMIs");
        traced_run first = without_nmis(true);
        while (first.end.own_handler && report_.signal > SIGRTMIN + 10) {
            --report_.signal;
            first = without_nmis(true);
        }
        report_.traced = true;
        report_.traced_plain = first.what;
        const aspects differ = differences(expected(), first.what, compared());
        if (differ.empty())
            return;
        for (unsigned i = 1; i < most_tries; ++i) {
            tell_(fmt::format("traced run without NMIs, again: {} of {}", i + 1, most_tries));
            traced_run again = without_nmis(true);
            if (differences(expected(), again.what, differ).empty()) {
                report_.traced_plain = again.what;
                take_as_unstable(differ);
                return;
            }
        }
        // What plain runs had in common by chance, as the second of a clock, is not ptrace's fault.
        const plain_run plain = run_plain(report_.config, timeout_ns(), wake_ups_);
        end_if_stopped();
        if (!differences(expected(), plain.what, differ).empty()) {
            take_as_unstable(differ);
            return;
        }
        throw ended{
            exec_verdict::absent,
            fmt::format(
                "the command does not live under ptrace: without any NMI its {} differs ({} instead of "
                "{}). Programs that trace others, and those that need setuid, cannot be looked at",
                fmt::join(differ, ", "), aspect_text(report_.traced_plain, differ.front()),
                aspect_text(expected(), differ.front()))};
    }

    storm_run storm_once(bool restart, unsigned attempt)
    {
        storm s(restart);
        traced_run run = traced(report_.config.rate_hz, restart, s, attempt);
        return {restart, std::move(run.what), std::move(run.end), s.calls().rows()};
    }

    void run_one_storm(bool restart)
    {
        tell_(fmt::format("storm, SA_RESTART {}", restart ? "on" : "off"));
        report_.storms.push_back(storm_once(restart, 0));
        const storm_run first = report_.storms.back();
        if (first.end.delivered == 0)
            return;
        std::vector<difference> found;
        for (const std::string& a : differences(expected(), first.what, compared()))
            found.push_back({a, restart, aspect_text(expected(), a), aspect_text(first.what, a), 1, 1});
        for (unsigned i = 1; !found.empty() && i < most_tries; ++i) {
            tell_(fmt::format("storm again: {} of {}", i + 1, most_tries));
            take_as_unstable(differences(expected(), without_nmis(restart).what, compared()));
            const storm_run again = storm_once(restart, i);
            for (difference& d : found) {
                ++d.runs;
                d.seen += differences(expected(), again.what, {d.aspect}).empty() ? 0 : 1;
            }
        }
        std::erase_if(found, [&](const difference& d) { return has(report_.unstable, d.aspect); });
        report_.differences.insert(report_.differences.end(), found.begin(), found.end());
    }

    void judge()
    {
        const auto& d = report_.differences;
        if (std::any_of(d.begin(), d.end(), [](const difference& one) { return one.counts(); })) {
            report_.verdict = exec_verdict::differs;
            return;
        }
        for (const storm_run& s : report_.storms) {
            if (s.end.delivered != 0)
                continue;
            if (s.end.sent.sent == 0)
                throw ended{
                    exec_verdict::none_delivered,
                    "no NMI was sent: the run is too short. Raise --rate, or give the command more to do"};
            if (s.end.blocked != 0)
                throw ended{exec_verdict::all_blocked,
                            "no NMI was delivered: every thread that got one has it blocked"};
            throw ended{
                exec_verdict::none_delivered,
                "no NMI was delivered: the run is too short. Raise --rate, or give the command more to do"};
        }
        report_.verdict = exec_verdict::same;
    }

    const progress& tell_;
    exec_report report_;
    wake_ups wake_ups_;
};

} // namespace

std::string exec_absent()
{
    const char* const why = arch_absent();
    return why != nullptr ? why : "";
}

exec_report run_storm(const exec_config& c, const progress& tell)
{
    adopt_orphans();
    return campaign(c, tell).run();
}

} // namespace nmisim::exec
