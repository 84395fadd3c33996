// SPDX-License-Identifier: MIT
#include "exec/each_call_campaign.hpp"

#include "base/clock.hpp"
#include "base/number_text.hpp"
#include "exec/jobs.hpp"

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

each_call::options each_call_campaign::how(bool sites) const
{
    const exec_config& c = c_.report.config;
    return {c_.report.signal, restart_, c.every_call, c.placing, c.mask == masks::ignore, sites};
}

placement each_call_campaign::try_one(const each_call::call& one)
{
    placement p{text_of(one.at), restart_, one.exe, one.nr, {}, {}, false, {}};
    const auto shoot = [&](bool sites) {
        each_call shot(how(sites), {one.at});
        traced_run run = c_.traced(0, restart_, shot, 0);
        if (const auto hit = shot.hits().find(one.at); hit != shot.hits().end()) {
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
        each_call none(how(false), {});
        c_.take_as_unstable(differences(c_.expected(), c_.traced(0, restart_, none, 0).what, c_.compared()));
        const outcome again = shoot(true);
        for (difference& d : p.differences) {
            ++d.runs;
            d.seen += differences(c_.expected(), again, {d.aspect}).empty() ? 0 : 1;
        }
    }
    std::erase_if(p.differences, [&](const difference& d) { return has(c_.report.unstable, d.aspect); });
    return p;
}

void each_call_campaign::finish(placement p)
{
    c_.report.placements.push_back(std::move(p));
    c_.note();
}

each_call_campaign::calls each_call_campaign::list()
{
    const exec_config& c = c_.report.config;
    c_.tell("run without NMIs that lists the calls");
    each_call lister(how(false), {});
    const traced_run listed = c_.traced(0, restart_, lister, 0);
    c_.take_as_unstable(differences(c_.expected(), listed.what, c_.compared()));
    calls all = lister.calls();
    std::erase_if(all, [&](const each_call::call& one) {
        const auto& only = c.only_calls;
        return (!only.empty() && std::find(only.begin(), only.end(), one.nr) == only.end()) ||
               (c.follow == followed::main && one.at.path != "0") ||
               (!c.at.empty() && !has(c.at, text_of(one.at)));
    });
    c_.report.calls += all.size();
    calls ours;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (c.shard.has(i))
            ours.push_back(all[i]);
    return ours;
}

storm_run each_call_campaign::at_once(const calls& some)
{
    std::set<call_address> all;
    for (const each_call::call& one : some)
        all.insert(one.at);
    each_call shot(how(false), all);
    traced_run run = c_.traced(0, restart_, shot, 0);
    return {restart_, std::move(run.what), std::move(run.end), shot.table().rows()};
}

void each_call_campaign::halve(const calls& all)
{
    const std::uint64_t limit = c_.report.config.limit;
    const std::uint64_t most_causes = limit == 0 ? 4 : std::min<std::uint64_t>(4, limit);
    calls left = all;
    const auto differs = [&](const storm_run& run) {
        return !differences(c_.expected(), run.what, c_.compared()).empty();
    };
    for (std::uint64_t cause = 0; cause <= most_causes && !left.empty(); ++cause) {
        c_.tell(fmt::format("all {} calls at once", left.size()));
        storm_run run = at_once(left);
        const bool found = differs(run);
        if (cause == 0)
            c_.report.storms.push_back(std::move(run));
        if (!found || cause == most_causes)
            return;
        calls some = left;
        while (some.size() > 1) {
            calls half(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2));
            c_.tell(fmt::format("halving: {} calls at once", half.size()));
            if (differs(at_once(half)))
                some = std::move(half);
            else
                some.erase(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(half.size()));
        }
        c_.tell(fmt::format("a cause, it seems: {}", text_of(some.front().at)));
        tried_.insert(some.front().at);
        finish(try_one(some.front()));
        std::erase_if(left, [&](const each_call::call& one) { return one.at == some.front().at; });
    }
}

void each_call_campaign::each(const calls& all)
{
    const std::uint64_t start = now_ns();
    std::size_t done = 0;
    const auto tell = [&](const std::string& what) {
        const std::uint64_t to_go = done == 0 ? 0 : (now_ns() - start) / done * (all.size() - done);
        c_.tell(fmt::format("call {} of {}: {}{}", done + 1, all.size(), what,
                            done == 0 ? "" : fmt::format(", about {} to go", time_text(to_go))));
    };
    if (c_.report.config.jobs > 1 && all.size() > 1) {
        run_jobs(
            c_, static_cast<unsigned>(std::min<std::size_t>(c_.report.config.jobs, all.size())), all.size(),
            [&](std::size_t i) { return try_one(all[i]); },
            [&](placement p) {
                tell(p.at);
                ++done;
                finish(std::move(p));
            });
        return;
    }
    for (const each_call::call& one : all) {
        tell(text_of(one.at));
        finish(try_one(one));
        ++done;
    }
}

void each_call_campaign::run()
{
    c_.begin();
    const exec_config& c = c_.report.config;
    c_.report.each_call = true;
    if (c.shard.of > 1)
        c_.report.shards = {c.shard.number};
    if (c_.before() != nullptr)
        c_.report.placements = c_.before()->placements;
    for (placement& p : c_.report.placements)
        std::erase_if(p.differences, [&](const difference& d) { return has(c_.report.unstable, d.aspect); });
    for (const bool restart : {true, false}) {
        if (c.restarts != restart::both && (c.restarts == restart::on) != restart)
            continue;
        restart_ = restart;
        tried_.clear();
        for (const placement& p : c_.report.placements)
            if (const auto at = call_address_of(p.at); at && p.restart == restart)
                tried_.insert(*at);
        calls all = list();
        c_.note();
        if (c.at.empty() && tried_.empty())
            halve(all);
        std::erase_if(all, [&](const each_call::call& one) { return tried_.count(one.at) != 0; });
        if (c.limit != 0 && all.size() + tried_.size() > c.limit)
            all.resize(c.limit - std::min<std::size_t>(c.limit, tried_.size()));
        each(all);
    }
    judge();
}

void each_call_campaign::judge()
{
    const auto& all = c_.report.placements;
    c_.report.verdict = verdict_of(all);
    if (c_.report.verdict == exec_verdict::all_blocked && all.empty())
        throw ended{exec_verdict::none_delivered,
                    c_.report.calls != 0 ? "this shard has no call: there are fewer calls than shards"
                    : c_.report.config.at.empty() ? "the command makes no call that a signal can interrupt"
                                                  : "the command makes no call of that address (--at)"};
    if (c_.report.verdict == exec_verdict::all_blocked && c_.report.config.placing == placing::blocked)
        throw ended{
            exec_verdict::none_delivered,
            "no NMI was delivered: no call was seen to wait, or its thread has the signal blocked. Try "
            "--place entry"};
    if (c_.report.verdict == exec_verdict::all_blocked)
        throw ended{exec_verdict::all_blocked,
                    "no NMI was delivered: every thread that got one has it blocked"};
}

} // namespace nmisim::exec
