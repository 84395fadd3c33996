// SPDX-License-Identifier: MIT
#include "exec/handlers/function_campaign.hpp"

#include "base/clock.hpp"
#include "base/number_text.hpp"
#include "exec/comparison.hpp"
#include "exec/handlers/function_call.hpp"
#include "exec/handlers/signal_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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
        const std::uint64_t start = now_ns();
        for (std::size_t i = 0; i < todo.size(); ++i) {
            const std::uint64_t left = i == 0 ? 0 : (now_ns() - start) / i * (todo.size() - i);
            c_.tell(fmt::format("{} of {}: {}{}", i + 1, todo.size(), address_of(todo[i]),
                                i == 0 ? "" : fmt::format(", about {} to go", time_text(left))));
            try_one(call, todo[i]);
            sweep().elapsed_ns = now_ns() - start;
        }
        judge(call, todo.size());
    }

private:
    const exec_config& config() const noexcept { return c_.report.config; }
    function_sweep& sweep() noexcept { return c_.report.sweep; }
    std::string address_of(const recorded_call::boundary& b) const
    {
        return text_of(boundary_address{config().function, b.offset, b.visit});
    }

    bool is_asked_for(const recorded_call::boundary& b) const
    {
        const auto& at = config().at;
        return (config().visit == 0 || b.visit == config().visit) &&
               (at.empty() || std::find(at.begin(), at.end(), address_of(b)) != at.end());
    }

    void take(const recorded_call& call)
    {
        std::set<std::uint64_t> instructions;
        for (const auto& b : call.boundaries())
            instructions.insert(b.offset);
        sweep() = {.path = call.path(),
                   .exe = call.exe(),
                   .steps = call.steps_made(),
                   .cut = call.cut(),
                   .instructions = instructions.size(),
                   .boundaries = call.boundaries().size(),
                   .without_handler = call.first_with_handler(),
                   .elapsed_ns = 0,
                   .runs = {}};
        if (!call.found())
            throw ended{exec_verdict::none_delivered,
                        fmt::format("no program of the command has a function {} when it starts: {}",
                                    config().function, "stripped ones take LIB+0xOFFSET")};
        if (call.boundaries().empty())
            throw ended{exec_verdict::none_delivered,
                        fmt::format("the command never calls {}", config().function)};
    }

    void try_one(const recorded_call& call, const recorded_call::boundary& where)
    {
        const explore::place& place = call.place_of(where.offset);
        boundary_run b{address_of(where), place.source, place.instruction, {}, {}};
        const auto shoot = [&] {
            placed_signal placed(call.where(), config().signal, where, call.path(), call.exe());
            traced_run run = c_.traced(0, true, placed, 0);
            b.state = name_of(placed.what());
            return run.what;
        };
        const outcome first = shoot();
        for (const std::string& a : differences(c_.expected(), first, c_.compared()))
            b.differences.push_back({a, true, aspect_text(c_.expected(), a), aspect_text(first, a), 1, 1});
        for (unsigned i = 1; !b.differences.empty() && i < most_tries; ++i) {
            c_.take_as_unstable(differences(c_.expected(), c_.without_nmis(true).what, c_.compared()));
            const outcome again = shoot();
            for (difference& d : b.differences) {
                ++d.runs;
                d.seen += differences(c_.expected(), again, {d.aspect}).empty() ? 0 : 1;
            }
        }
        const aspects left = c_.compared();
        std::erase_if(b.differences, [&](const difference& d) {
            return std::find(left.begin(), left.end(), d.aspect) == left.end();
        });
        sweep().runs.push_back(std::move(b));
    }

    void judge(const recorded_call& call, std::size_t tried)
    {
        const auto& all = sweep().runs;
        const auto counts = [](const boundary_run& b) {
            return std::any_of(b.differences.begin(), b.differences.end(),
                               [](const difference& d) { return d.counts(); });
        };
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
        else if (tried == 0)
            throw ended{exec_verdict::none_delivered,
                        "the recorded call has no such instruction or visit (--at, --visit)"};
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
};

} // namespace

exec_report run_function(const exec_config& c, const progress& tell)
{
    return run_campaign<function_campaign>(c, tell, [](const exec_report&) {});
}

} // namespace nmisim::exec
