// SPDX-License-Identifier: MIT
//
// The program's own handler at every instruction of a function: the function's first call is recorded by single steps; then
// each (instruction, visit) of it gets the signal exactly there, in a child that is forked there (forked_call.hpp) or in a run of
// its own. Once an instruction is not enough: what breaks in the second round of a loop shows in no first visit. What differs is
// tried again, in runs of its own.
#include "base/clock.hpp"
#include "base/number_text.hpp"
#include "exec/comparison.hpp"
#include "exec/handlers/forked_call.hpp"
#include "exec/handlers/function_call.hpp"
#include "exec/handlers/signal_name.hpp"
#include "exec/handlers/spread_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace nmisim::exec {

namespace {

class function_campaign {
public:
    explicit function_campaign(comparison& c) : c_(c), function_(*function_name_of(c.report.config.function))
    {
        if (config().signal == c_.report.signal)
            --c_.report.signal;
    }

    void run()
    {
        c_.begin();
        c_.tell("run that records the function's first call");
        recorded_call call(function_, config().signal);
        c_.traced(0, true, call, 0);
        take(call);
        std::vector<recorded_call::boundary> todo;
        for (std::size_t i = call.first_with_handler(); i < call.boundaries().size(); ++i)
            if (is_asked_for(call.boundaries()[i]))
                todo.push_back(call.boundaries()[i]);
        if (config().limit != 0 && todo.size() > config().limit)
            todo.resize(config().limit);
        add_named(call, todo);
        const std::size_t asked = todo.size();
        if (c_.before() != nullptr)
            take_before(todo);
        start_ns_ = now_ns();
        total_ = todo.size();
        if (config().calls == calls_used::each)
            spread(call, todo);
        if (!todo.empty() && config().forks == forking::automatic)
            fork_at(call, todo);
        else
            sweep().why_not_forked = todo.empty() ? "" : "--fork never";
        for (const auto& b : todo)
            if (!tried_.contains(b)) {
                tell_of(b);
                try_one(call, b, nullptr);
            }
        sort_runs(call);
        judge(call, asked);
    }

private:
    void tell_of(const recorded_call::boundary& b)
    {
        const std::size_t i = tried_.size();
        const std::uint64_t left = i == 0 ? 0 : (now_ns() - start_ns_) / i * (total_ - i);
        c_.tell(fmt::format("{} of {}: {}{}", i + 1, total_, address_of(b),
                            i == 0 ? "" : fmt::format(", about {} to go", time_text(left))));
    }

    /// In children that are forked there. What differs in one is repeated by runs of its own, behind them: they end it all.
    void fork_at(const recorded_call& call, const std::vector<recorded_call::boundary>& todo)
    {
        constexpr std::uint64_t tell_again_ns = 500'000'000;
        std::vector<std::pair<recorded_call::boundary, outcome>> suspects;
        std::uint64_t told_ns = 0;
        const auto differ = [&](const outcome& o) { return c_.differing(o); };
        const auto done = [&](const recorded_call::boundary& b, forked_run run) {
            if (now_ns() >= told_ns + tell_again_ns) {
                tell_of(b);
                told_ns = now_ns();
            }
            if (!differ(run.what).empty()) {
                suspects.emplace_back(b, std::move(run.what));
                return;
            }
            boundary_run row = row_of(call, b);
            row.state = name_of(run.state);
            row.forked = true;
            finish(b, std::move(row));
        };
        forked_call forks(call.known(), {config().signal, todo, differ, c_.compared(), done});
        c_.traced(0, true, forks, 0);
        sweep().why_not_forked = forks.why_not();
        for (const auto& [b, seen] : suspects) {
            tell_of(b);
            try_one(call, b, &seen);
        }
    }

    /// In calls of their own. What differs alone in its call is repeated as --at repeats it.
    void spread(const recorded_call& call, std::vector<recorded_call::boundary>& todo)
    {
        const auto row = [&](const spread_place& p) {
            boundary_run b = row_of(call, p.at);
            b.state = name_of(placed_signal::state::delivered);
            b.call = p.call;
            return b;
        };
        spread_search search(c_, call,
                             {[&](const spread_place& p) { finish(p.at, row(p)); },
                              [&](const spread_place& p, std::uint64_t execution, const outcome& seen) {
                                  boundary_run b = row(p);
                                  b.execution = execution;
                                  finish(p.at, repeated(call, {p.at.offset, execution}, &seen, std::move(b)));
                              }});
        search.run(todo);
        sweep().spread_runs = search.runs();
        sweep().only_together = search.only_together();
        sweep().why_not_spread = search.why_not();
    }

    boundary_run row_of(const recorded_call& call, const recorded_call::boundary& b) const
    {
        const explore::place& place = call.place_of(b.offset);
        boundary_run row;
        row.at = address_of(b);
        row.source = place.source;
        row.instruction = place.instruction;
        return row;
    }

    void finish(const recorded_call::boundary& b, boundary_run run)
    {
        tried_.insert(b);
        sweep().runs.push_back(std::move(run));
        sweep().elapsed_ns = now_ns() - start_ns_;
        c_.note();
    }

    /// What an earlier search has finished is not tried again.
    void take_before(std::vector<recorded_call::boundary>& todo)
    {
        std::map<std::string, const boundary_run*> finished;
        for (const boundary_run& b : c_.before()->sweep.runs)
            finished[b.at] = &b;
        std::erase_if(todo, [&](const recorded_call::boundary& b) {
            const auto found = finished.find(address_of(b));
            if (found == finished.end())
                return false;
            sweep().runs.push_back(*found->second);
            c_.forget_unstable(sweep().runs.back().differences);
            return true;
        });
        c_.note();
    }

    /// In the order of the call, whichever way they were tried.
    void sort_runs(const recorded_call& call)
    {
        std::map<std::string, std::size_t> order;
        for (std::size_t i = 0; i < call.boundaries().size(); ++i)
            order[address_of(call.boundaries()[i])] = i;
        std::stable_sort(
            sweep().runs.begin(), sweep().runs.end(),
            [&](const boundary_run& a, const boundary_run& b) { return order[a.at] < order[b.at]; });
    }

    const exec_config& config() const noexcept { return c_.report.config; }
    function_sweep& sweep() noexcept { return c_.report.sweep; }
    std::string address_of(const recorded_call::boundary& b) const
    {
        return text_of(boundary_address{config().function, b.offset, b.visit});
    }

    /// An execution in a later call that --at names: the first call cannot tell that it comes.
    void add_named(const recorded_call& call, std::vector<recorded_call::boundary>& todo) const
    {
        const auto& recorded = call.boundaries();
        for (const std::string& text : config().at) {
            const auto at = boundary_address_of(text);
            const auto matches = [&](bool same_visit) {
                return std::any_of(recorded.begin(), recorded.end(), [&](const recorded_call::boundary& b) {
                    return at && b.offset == at->offset && (!same_visit || b.visit == at->visit);
                });
            };
            if (matches(false) && !matches(true))
                todo.push_back({at->offset, at->visit});
        }
    }

    bool is_asked_for(const recorded_call::boundary& b) const
    {
        const auto& at = config().at;
        return (config().visit == 0 || b.visit == config().visit) && (at.empty() || has(at, address_of(b)));
    }

    void take(const recorded_call& call)
    {
        std::set<std::uint64_t> instructions;
        for (const auto& b : call.boundaries())
            instructions.insert(b.offset);
        sweep().path = call.known().path;
        sweep().exe = call.known().exe;
        sweep().steps = call.steps_made();
        sweep().cut = call.cut();
        sweep().instructions = instructions.size();
        sweep().boundaries = call.boundaries().size();
        sweep().without_handler = call.first_with_handler();
        if (!call.found())
            throw ended{exec_verdict::none_delivered,
                        fmt::format("no program of the command has a function {} when it starts: {}",
                                    config().function, "stripped ones take LIB+0xOFFSET")};
        if (call.boundaries().empty())
            throw ended{exec_verdict::none_delivered,
                        fmt::format("the command never calls {}", config().function)};
    }

    void try_one(const recorded_call& call, const recorded_call::boundary& where, const outcome* forked)
    {
        finish(where, repeated(call, where, forked, row_of(call, where)));
    }

    /// `seen`: what a child, or a run with `where` in a later call, has come to that differs; it counts only if runs of its own
    /// differ as well.
    boundary_run repeated(const recorded_call& call, const recorded_call::boundary& where,
                          const outcome* seen, boundary_run b)
    {
        const auto shoot = [&] {
            placed_signal placed(call.known(), config().signal, where);
            traced_run run = c_.traced(0, true, placed, 0);
            b.state = name_of(placed.what());
            return run.what;
        };
        const outcome first = seen != nullptr ? *seen : shoot();
        const bool differed = !c_.differing(first).empty();
        const auto again = [&](unsigned) {
            c_.take_as_unstable(c_.differing(c_.without_nmis(true).what));
            return shoot();
        };
        b.differences = c_.repeated(first, true, again, seen != nullptr ? 0 : 1);
        sweep().refuted += seen != nullptr && differed && b.differences.empty() ? 1 : 0;
        return b;
    }

    void judge(const recorded_call& call, std::size_t tried)
    {
        const auto& all = sweep().runs;
        const auto counts = [](const boundary_run& b) { return any_counts(b.differences); };
        const auto arrived = [](const boundary_run& b) {
            return b.state == name_of(placed_signal::state::delivered) ||
                   b.state == name_of(placed_signal::state::elsewhere);
        };
        const std::string signal = signal_name(config().signal);
        if (std::any_of(all.begin(), all.end(), counts))
            c_.report.verdict = exec_verdict::differs;
        else if (std::any_of(all.begin(), all.end(), arrived))
            c_.report.verdict = exec_verdict::same;
        else if (call.first_with_handler() == call.boundaries().size())
            throw ended{exec_verdict::none_delivered,
                        fmt::format("no handler yet: while {} runs the program has none for SIG{}",
                                    config().function, signal)};
        else if (tried == 0 ||
                 (!config().at.empty() && std::all_of(all.begin(), all.end(), [](const boundary_run& b) {
                     return b.state == name_of(placed_signal::state::not_reached);
                 })))
            throw ended{exec_verdict::none_delivered,
                        "the command comes to no such instruction or visit (--at, --visit)"};
        else if (std::all_of(all.begin(), all.end(), [](const boundary_run& b) {
                     return b.state == name_of(placed_signal::state::blocked);
                 }))
            throw ended{exec_verdict::all_blocked,
                        fmt::format("no SIG{} was delivered: each was blocked to the end", signal)};
        else
            throw ended{
                exec_verdict::none_delivered,
                fmt::format("SIG{} was never delivered: it was blocked, or the runs took another path",
                            signal)};
    }

    comparison& c_;
    const function_name function_;
    std::uint64_t start_ns_ = 0;
    std::size_t total_ = 0;
    std::set<recorded_call::boundary> tried_;
};

} // namespace

exec_report run_function(const exec_config& c, const progress& tell, const journal& note,
                         const exec_report* before)
{
    return run_campaign<function_campaign>(c, tell, note, before);
}

} // namespace nmisim::exec
