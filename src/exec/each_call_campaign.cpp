// SPDX-License-Identifier: MIT
//
// An NMI in each system call of a command, one a run:
//
//   a run without NMIs       lists the calls
//   all of them at once      where that differs, halves of them: the first cause after a few runs, however many calls there
//                            are; then again without that cause
//   each call                in a run of its own, whatever came before: one fault can hide another, so that a run with all
//                            of them proves nothing
//
// What differs is tried again: it counts if it repeats, and does not come without NMIs.
#include "base/clock.hpp"
#include "base/number_text.hpp"
#include "exec/comparison.hpp"
#include "exec/each_call.hpp"
#include "exec/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace nmisim::exec {

namespace {

class each_call_campaign {
public:
    explicit each_call_campaign(comparison& c) : c_(c) {}

    /// Errors: ended.
    void run()
    {
        c_.begin();
        const exec_config& c = c_.report.config;
        c_.report.each_call = true;
        if (c.shard.of > 1)
            c_.report.shards = {c.shard.number};
        if (c_.before() != nullptr)
            c_.report.placements = c_.before()->placements;
        for (placement& p : c_.report.placements)
            c_.forget_unstable(p.differences);
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

private:
    using calls = std::vector<each_call::call>;

    each_call::options how(bool sites) const
    {
        const exec_config& c = c_.report.config;
        return {c_.report.signal, restart_, c.every_call, c.placing, c.mask == masks::ignore, sites};
    }

    placement try_one(const each_call::call& one)
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
        p.differences = c_.repeated(shoot(named), restart_, [&](unsigned) {
            each_call none(how(false), {});
            c_.take_as_unstable(c_.differing(c_.traced(0, restart_, none, 0).what));
            return shoot(true);
        });
        return p;
    }

    void finish(placement p)
    {
        c_.report.placements.push_back(std::move(p));
        c_.note();
    }

    calls list()
    {
        const exec_config& c = c_.report.config;
        c_.tell("run without NMIs that lists the calls");
        each_call lister(how(false), {});
        const traced_run listed = c_.traced(0, restart_, lister, 0);
        c_.take_as_unstable(c_.differing(listed.what));
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

    storm_run at_once(const calls& some)
    {
        std::set<call_address> all;
        for (const each_call::call& one : some)
            all.insert(one.at);
        each_call shot(how(false), all);
        traced_run run = c_.traced(0, restart_, shot, 0);
        return {restart_, std::move(run.what), std::move(run.end), shot.table().rows()};
    }

    void halve(const calls& all)
    {
        const std::uint64_t limit = c_.report.config.limit;
        const std::uint64_t most_causes = limit == 0 ? 4 : std::min<std::uint64_t>(4, limit);
        calls left = all;
        const auto differs = [&](const storm_run& run) { return !c_.differing(run.what).empty(); };
        for (std::uint64_t cause = 0; cause <= most_causes && !left.empty(); ++cause) {
            c_.tell(fmt::format("all {} calls at once", left.size()));
            storm_run run = at_once(left);
            const bool found = differs(run);
            if (cause == 0)
                c_.report.storms.push_back(std::move(run));
            if (!found || cause == most_causes)
                return;
            const each_call::call one = one_cause(left, [&](const calls& half) {
                c_.tell(fmt::format("halving: {} calls at once", half.size()));
                return differs(at_once(half));
            });
            c_.tell(fmt::format("a cause, it seems: {}", text_of(one.at)));
            tried_.insert(one.at);
            finish(try_one(one));
            std::erase_if(left, [&](const each_call::call& other) { return other.at == one.at; });
        }
    }

    void each(const calls& all)
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
                c_, static_cast<unsigned>(std::min<std::size_t>(c_.report.config.jobs, all.size())),
                all.size(), [&](std::size_t i) { return try_one(all[i]); },
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

    void judge()
    {
        const auto& all = c_.report.placements;
        c_.report.verdict = verdict_of(all);
        if (c_.report.verdict == exec_verdict::all_blocked && all.empty())
            throw ended{exec_verdict::none_delivered,
                        c_.report.calls != 0 ? "this shard has no call: there are fewer calls than shards"
                        : c_.report.config.at.empty()
                            ? "the command makes no call that a signal can interrupt"
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

    comparison& c_;
    bool restart_ = true;
    std::set<call_address> tried_; ///< with this SA_RESTART
};

} // namespace

exec_report run_each_call(const exec_config& c, const progress& tell, const journal& note,
                          const exec_report* before)
{
    return run_campaign<each_call_campaign>(c, tell, note, before);
}

} // namespace nmisim::exec
