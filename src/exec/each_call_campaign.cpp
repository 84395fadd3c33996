// SPDX-License-Identifier: MIT
#include "exec/each_call_campaign.hpp"

#include "base/clock.hpp"
#include "base/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nmisim::exec {

std::optional<call_address> call_address_of(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0)
        return std::nullopt;
    call_address a{std::string(text.substr(0, colon)), 0};
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), a.number);
    if (error != std::errc{} || end != number.data() + number.size() || a.number == 0 ||
        a.path.find_first_not_of("0123456789.") != std::string::npos)
        return std::nullopt;
    return a;
}

void each_call_campaign::try_one(const each_call::call& one)
{
    placement p{text_of(one.at), one.exe, one.nr, {}, {}, false, {}};
    const auto shoot = [&](bool sites) {
        each_call calls(c_.report.signal, restart_, {one.at}, sites);
        traced_run run = c_.traced(0, restart_, calls, 0);
        if (const auto hit = calls.hits().find(one.at); hit != calls.hits().end()) {
            p.delivered = true;
            p.nr = hit->second.nr >= 0 ? hit->second.nr : p.nr;
            p.exe = hit->second.exe;
            p.call_text = hit->second.call_text;
            p.site = sites ? hit->second.site : p.site;
        }
        return run.what;
    };
    const bool named = !c_.report.config.at.empty();
    const outcome first = shoot(named);
    for (const std::string& a : c_.compared())
        if (!differences(c_.expected(), first, {a}).empty())
            p.differences.push_back(
                {a, restart_, aspect_text(c_.expected(), a), aspect_text(first, a), 1, 1});
    for (unsigned i = 1; !p.differences.empty() && i < most_tries; ++i) {
        each_call none(c_.report.signal, restart_, {}, false);
        c_.take_as_unstable(differences(c_.expected(), c_.traced(0, restart_, none, 0).what, c_.compared()));
        const outcome again = shoot(true);
        for (difference& d : p.differences) {
            ++d.runs;
            d.seen += differences(c_.expected(), again, {d.aspect}).empty() ? 0 : 1;
        }
    }
    std::erase_if(p.differences, [&](const difference& d) { return has(c_.report.unstable, d.aspect); });
    c_.report.placements.push_back(std::move(p));
}

void each_call_campaign::run()
{
    c_.report.each_call = true;
    for (const bool restart : {true, false}) {
        const exec::restart asked = c_.report.config.restarts;
        if (asked != restart::both && (asked == restart::on) != restart)
            continue;
        restart_ = restart;
        c_.tell("run without NMIs that lists the calls");
        each_call list(c_.report.signal, restart, {}, false);
        const traced_run listed = c_.traced(0, restart, list, 0);
        if (!differences(c_.expected(), listed.what, c_.compared()).empty())
            c_.take_as_unstable(differences(c_.expected(), listed.what, c_.compared()));
        std::vector<each_call::call> calls = list.calls();
        if (!c_.report.config.at.empty()) {
            std::erase_if(calls, [&](const each_call::call& one) {
                return !has(c_.report.config.at, text_of(one.at));
            });
        } else {
            c_.tell(fmt::format("all {} calls at once", calls.size()));
            std::set<call_address> all;
            for (const each_call::call& one : calls)
                all.insert(one.at);
            each_call at_once(c_.report.signal, restart, all, false);
            traced_run run = c_.traced(0, restart, at_once, 0);
            c_.report.storms.push_back({restart, std::move(run.what), std::move(run.end), {}});
        }
        if (c_.report.config.limit != 0 && calls.size() > c_.report.config.limit)
            calls.resize(c_.report.config.limit);
        const std::uint64_t start = now_ns();
        for (std::size_t i = 0; i < calls.size(); ++i) {
            const std::uint64_t left = i == 0 ? 0 : (now_ns() - start) / i * (calls.size() - i);
            c_.tell(fmt::format("call {} of {}: {}{}", i + 1, calls.size(), text_of(calls[i].at),
                                i == 0 ? "" : fmt::format(", about {} to go", time_text(left))));
            try_one(calls[i]);
        }
    }
    judge();
}

void each_call_campaign::judge()
{
    const auto& all = c_.report.placements;
    const auto counts = [](const placement& p) {
        return std::any_of(p.differences.begin(), p.differences.end(),
                           [](const difference& d) { return d.counts(); });
    };
    if (std::any_of(all.begin(), all.end(), counts))
        c_.report.verdict = exec_verdict::differs;
    else if (std::any_of(all.begin(), all.end(), [](const placement& p) { return p.delivered; }))
        c_.report.verdict = exec_verdict::same;
    else if (all.empty())
        throw ended{exec_verdict::none_delivered,
                    c_.report.config.at.empty() ? "the command makes no call that a signal can interrupt"
                                                : "the command makes no call of that address (--at)"};
    else
        throw ended{exec_verdict::all_blocked,
                    "no NMI was delivered: every thread that got one has it blocked"};
}

} // namespace nmisim::exec
