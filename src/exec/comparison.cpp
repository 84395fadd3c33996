// SPDX-License-Identifier: MIT
#include "exec/comparison.hpp"

#include "base/number_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <system_error>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t plain_timeout_ns = 600'000'000'000;
constexpr std::uint64_t least_timeout_ns = 5'000'000'000;

void add_new(aspects& to, const aspects& more)
{
    for (const std::string& one : more)
        if (!has(to, one))
            to.push_back(one);
}

} // namespace

comparison::comparison(const exec_config& c, const progress& tell, const journal& note,
                       const exec_report* before)
    : tell_(tell), note_(note), before_(before)
{
    report.config = c;
    report.signal = SIGRTMAX - 3;
}

aspects comparison::compared() const
{
    aspects left = report.config.compared;
    std::erase_if(left, [&](const std::string& a) { return has(report.unstable, a); });
    return left;
}

void comparison::end_if_stopped() const
{
    if (wake_ups_.stop_signal() != 0)
        throw ended{exec_verdict::stopped, "stopped before the end"};
}

std::uint64_t comparison::timeout_ns() const
{
    if (report.config.timeout_ns != 0)
        return report.config.timeout_ns;
    std::uint64_t longest = 0;
    for (const outcome& o : report.plain)
        longest = std::max(longest, o.elapsed_ns);
    return 10 * longest + least_timeout_ns;
}

void comparison::take_as_unstable(const aspects& differ)
{
    add_new(report.unstable, differ);
    if (has(differ, "status"))
        throw ended{
            exec_verdict::not_comparable,
            "the command differs from itself without NMIs: in its status, so nothing can be compared"};
    if (compared().empty())
        throw ended{exec_verdict::not_comparable,
                    "the command differs from itself in all that is compared (--compare)"};
}

void comparison::forget_unstable(std::vector<difference>& found) const
{
    std::erase_if(found, [&](const difference& d) { return has(report.unstable, d.aspect); });
}

std::vector<difference> comparison::repeated(const outcome& first, bool restart,
                                             const std::function<outcome(unsigned)>& again, unsigned counted)
{
    std::vector<difference> found;
    for (const std::string& a : differing(first))
        found.push_back({a, restart, aspect_text(expected(), a), aspect_text(first, a), counted, counted});
    for (unsigned i = counted; !found.empty() && i < most_tries; ++i) {
        const outcome o = again(i);
        for (difference& d : found) {
            ++d.runs;
            d.seen += differences(expected(), o, {d.aspect}).empty() ? 0 : 1;
        }
    }
    std::erase_if(found, [](const difference& d) { return d.seen == 0; });
    forget_unstable(found);
    return found;
}

void comparison::begin()
{
    run_baseline();
    check_before();
    run_traced_baseline();
    note();
}

void comparison::check_before() const
{
    if (before_ == nullptr || before_->plain.empty())
        return;
    aspects differ = differences(before_->plain.front(), expected(), compared());
    std::erase_if(differ, [&](const std::string& a) { return has(before_->unstable, a); });
    if (!differ.empty())
        throw ended{
            exec_verdict::not_comparable,
            fmt::format("the command has changed since the journal was written: its {} differs. Begin "
                        "without --resume",
                        fmt::join(differ, ", "))};
}

void comparison::run_baseline()
{
    const exec_config& c = report.config;
    const std::uint64_t timeout = c.timeout_ns != 0 ? c.timeout_ns : plain_timeout_ns;
    for (unsigned i = 0; i < c.baseline; ++i) {
        tell_(fmt::format("plain run {} of {}", i + 1, c.baseline));
        plain_run p = run_plain(c, timeout, wake_ups_);
        end_if_stopped();
        if (p.error != 0)
            throw ended{exec_verdict::not_comparable, fmt::format("cannot run '{}': {}", c.argv.front(),
                                                                  std::generic_category().message(p.error))};
        if (p.what.hang)
            throw ended{
                exec_verdict::not_comparable,
                fmt::format("the plain run did not end in {}: run the command under timeout(1), or give it "
                            "longer by --timeout",
                            time_text(timeout))};
        report.plain.push_back(std::move(p.what));
    }
    for (const outcome& o : report.plain)
        take_as_unstable(differing(o));
}

traced_run comparison::traced(double rate_hz, bool restart, strategy& s, unsigned attempt)
{
    const exec_config& c = report.config;
    const trace_options how{.signal = report.signal,
                            .restart = restart,
                            .rate_hz = rate_hz,
                            .seed = c.seed + attempt,
                            .timeout_ns = timeout_ns(),
                            .wait_all = c.waits == wait_for::all,
                            .main_only = c.follow == followed::main,
                            .ignore_masks = c.mask == masks::ignore};
    traced_run run = run_traced(c, how, s, wake_ups_);
    end_if_stopped();
    if (!run.end.absent.empty())
        throw ended{exec_verdict::absent, run.end.absent};
    return run;
}

traced_run comparison::without_nmis(bool restart)
{
    strategy none;
    return traced(0, restart, none, 0);
}

// One that wants the NMI's signal for itself gets another.
void comparison::run_traced_baseline()
{
    tell_("traced run without NMIs");
    traced_run first = without_nmis(true);
    while (first.end.own_handler && report.signal > SIGRTMIN + 10) {
        --report.signal;
        first = without_nmis(true);
    }
    report.traced = true;
    report.traced_plain = first.what;
    if (before_ != nullptr)
        add_new(report.unstable, before_->unstable);
    const aspects differ = differing(first.what);
    if (differ.empty())
        return;
    for (unsigned i = 1; i < most_tries; ++i) {
        tell_(fmt::format("traced run without NMIs, again: {} of {}", i + 1, most_tries));
        traced_run again = without_nmis(true);
        if (differences(expected(), again.what, differ).empty()) {
            report.traced_plain = again.what;
            take_as_unstable(differ);
            return;
        }
    }
    // What plain runs had in common by chance, as the second of a clock, is not ptrace's fault.
    const plain_run plain = run_plain(report.config, timeout_ns(), wake_ups_);
    end_if_stopped();
    if (!differences(expected(), plain.what, differ).empty()) {
        take_as_unstable(differ);
        return;
    }
    throw ended{
        exec_verdict::absent,
        fmt::format("the command does not live under ptrace: without any NMI its {} differs ({} instead of "
                    "{}). Programs that trace others, and those that need setuid, cannot be looked at",
                    fmt::join(differ, ", "), aspect_text(report.traced_plain, differ.front()),
                    aspect_text(expected(), differ.front()))};
}

} // namespace nmisim::exec
