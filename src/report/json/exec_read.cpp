// SPDX-License-Identifier: MIT
#include "report/json/exec_read.hpp"

#include "exec/each_call.hpp"
#include "exec/handlers/function_call.hpp"
#include "exec/handlers/signal_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace nmisim::exec {

namespace {

using parsed = nlohmann::json;

template <class Values>
auto choice(const parsed& name, const Values& values)
{
    for (const auto& v : values)
        if (name == std::string(name_of(v)))
            return v;
    throw std::runtime_error(fmt::format("'{}' is not a choice", name.dump()));
}

constexpr std::array all_verdicts{exec_verdict::same,           exec_verdict::differs,
                                  exec_verdict::none_delivered, exec_verdict::not_comparable,
                                  exec_verdict::all_blocked,    exec_verdict::absent,
                                  exec_verdict::stopped};

content content_of(const parsed& c)
{
    content out;
    out.bytes = c.at("bytes");
    const std::string hash = c.at("hash");
    std::from_chars(hash.data(), hash.data() + hash.size(), out.hash, 16);
    out.head = c.at("first_line");
    return out;
}

outcome outcome_of(const parsed& o)
{
    constexpr int exit_status_shift = 8; // as wait(2) packs it
    outcome out;
    out.hang = o.at("hang");
    if (o.at("exit_status").is_number())
        out.status = o["exit_status"].get<int>() << exit_status_shift;
    if (o.at("signal").is_number())
        out.status = o["signal"];
    out.out = content_of(o.at("stdout"));
    out.err = content_of(o.at("stderr"));
    for (const parsed& f : o.at("files"))
        out.files.push_back({f.at("path"), f.at("there"), content_of(f.at("content"))});
    out.elapsed_ns = o.at("elapsed_ns");
    out.cpu_ns = o.at("cpu_ns");
    return out;
}

std::vector<difference> differences_of(const parsed& all)
{
    std::vector<difference> out;
    for (const parsed& d : all)
        out.push_back(
            {d.at("aspect"), d.at("restart"), d.at("without"), d.at("with"), d.at("seen"), d.at("runs")});
    return out;
}

long number_of(const parsed& call)
{
    return call.is_null() ? -1 : call_named(call.get<std::string>()).value_or(-1);
}

placement placement_of(const parsed& p)
{
    return {p.at("at"),   p.at("restart"), p.at("exe"),       number_of(p.at("call")),
            p.at("what"), p.at("site"),    p.at("delivered"), differences_of(p.at("differences"))};
}

std::string_view state_of(const std::string& name)
{
    using enum placed_signal::state;
    for (const auto s : {not_reached, no_handler, blocked, delivered, elsewhere})
        if (name == name_of(s))
            return name_of(s);
    throw std::runtime_error(fmt::format("'{}' is not what becomes of a signal", name));
}

boundary_run boundary_of(const parsed& b)
{
    return {b.at("at"),     b.at("source"), b.at("instruction"), state_of(b.at("state")),
            b.at("forked"), b.at("call"),   b.at("execution"),   differences_of(b.at("differences"))};
}

function_sweep sweep_of(const parsed& f)
{
    function_sweep s;
    s.path = f.at("path");
    s.exe = f.at("exe");
    s.steps = f.at("steps");
    s.cut = f.at("cut");
    s.instructions = f.at("instructions");
    s.boundaries = f.at("boundaries");
    s.without_handler = f.at("without_handler");
    s.elapsed_ns = f.at("elapsed_ns");
    s.refuted = f.at("refuted");
    s.why_not_forked = f.at("why_not_forked");
    s.spread_runs = f.at("spread_runs");
    s.only_together = f.at("only_together");
    s.why_not_spread = f.at("why_not_spread");
    for (const parsed& b : f.at("runs"))
        s.runs.push_back(boundary_of(b));
    return s;
}

storm_run storm_of(const parsed& s)
{
    storm_run out;
    out.restart = s.at("restart");
    out.what = outcome_of(s.at("outcome"));
    const parsed& nmis = s.at("nmis");
    out.end.sent = {nmis.at("sent"), nmis.at("busy"), nmis.at("refused")};
    out.end.delivered = nmis.at("delivered");
    out.end.held = nmis.at("held");
    out.end.blocked = nmis.at("blocked");
    out.end.suppressed = nmis.at("suppressed");
    out.end.unmasked = nmis.at("unmasked");
    out.end.left_behind = s.at("left_behind");
    out.end.unarmed = s.at("unarmed");
    for (const parsed& p : s.at("processes")) {
        out.end.processes.push_back(std::make_shared<process>());
        out.end.processes.back()->path = p.at("path");
        out.end.processes.back()->exe = p.at("exe");
        out.end.processes.back()->threads = p.at("threads");
    }
    for (const parsed& c : s.at("calls"))
        out.calls.push_back({c.at("path"), c.at("exe"), number_of(c.at("call")), c.at("site"), c.at("nmis"),
                             c.at("restarted"), c.at("eintr"), c.at("short"), c.at("done"), c.at("detail")});
    return out;
}

exec_config config_of(const parsed& document)
{
    const parsed& o = document.at("options");
    exec_config c;
    c.argv = document.at("command").get<std::vector<std::string>>();
    c.rate_hz = o.at("rate_hz");
    c.restarts = choice(o.at("restart"), all_restarts);
    c.baseline = o.at("baseline");
    c.compared = o.at("compare").get<aspects>();
    c.timeout_ns = o.at("timeout_ns");
    c.waits = choice(o.at("wait"), all_wait_fors);
    c.stdin_file = o.at("stdin");
    c.seed = o.at("seed");
    c.each_call = document.at("each_call");
    c.every_call = o.at("every_call");
    for (const parsed& name : o.at("only_calls"))
        c.only_calls.push_back(number_of(name));
    c.at = o.at("at").get<std::vector<std::string>>();
    c.placing = choice(o.at("place"), all_placings);
    c.limit = o.at("limit");
    c.jobs = o.at("jobs");
    c.shard.of = o.at("shards");
    c.mask = choice(o.at("mask"), all_masks);
    c.follow = choice(o.at("follow"), all_followed);
    c.forks = choice(o.at("fork"), all_forkings);
    c.calls = choice(o.at("calls"), all_calls_used);
    if (const parsed& f = document.at("function"); !f.is_null()) {
        c.function = f.at("name");
        c.signal = signal_of(f.at("signal").get<std::string>()).value_or(0);
        c.visit = f.at("visit");
    }
    return c;
}

exec_report report_of(const parsed& document)
{
    if (!document.is_object() || document.value("schema", "") != "nmi-sim-exec-1")
        throw std::runtime_error("not a report of nmi-sim exec");
    for (const char* const whole : {"audit", "profile"})
        if (!document.at(whole).is_null())
            throw std::runtime_error(fmt::format("a report of --{} is whole by itself; those of storms, "
                                                 "--each-call and --function can be merged",
                                                 whole));
    exec_report r;
    r.config = config_of(document);
    for (const parsed& o : document.at("baseline").at("runs"))
        r.plain.push_back(outcome_of(o));
    r.traced = !document["baseline"].at("traced").is_null();
    if (r.traced)
        r.traced_plain = outcome_of(document["baseline"]["traced"]);
    r.unstable = document["baseline"].at("unstable").get<aspects>();
    for (const parsed& s : document.at("storms"))
        r.storms.push_back(storm_of(s));
    r.differences = differences_of(document.at("differences"));
    r.each_call = document.at("each_call");
    r.calls = document.at("calls");
    r.shards = document.at("shards").get<std::vector<unsigned>>();
    for (const parsed& p : document.at("placements"))
        r.placements.push_back(placement_of(p));
    if (const parsed& f = document.at("function"); !f.is_null())
        r.sweep = sweep_of(f);
    r.signal = document.at("signal");
    r.verdict = choice(document.at("verdict"), all_verdicts);
    r.why = document.at("why");
    return r;
}

/// A report, or a journal, whose last line may be torn.
exec_report read(const std::string& text)
{
    const parsed whole = parsed::parse(text, nullptr, false);
    if (!whole.is_discarded())
        return report_of(whole);
    std::size_t begin = text.find('\n');
    exec_report r = report_of(parsed::parse(text.substr(0, begin)));
    while (begin != text.npos && begin + 1 < text.size()) {
        const std::size_t end = text.find('\n', begin + 1);
        if (end == text.npos)
            break;
        const parsed line = parsed::parse(text.substr(begin + 1, end - begin - 1));
        if (r.config.function.empty())
            r.placements.push_back(placement_of(line));
        else
            r.sweep.runs.push_back(boundary_of(line));
        begin = end;
    }
    return r;
}

bool tries_calls(const exec_config& c) noexcept
{
    return c.each_call || (!c.at.empty() && c.function.empty());
}

void check_alike(const exec_config& a, const exec_config& b, std::string_view where)
{
    if (a.argv != b.argv)
        throw std::runtime_error(fmt::format("another command than in {}", where));
    if (tries_calls(a) != tries_calls(b) || a.placing != b.placing || a.every_call != b.every_call ||
        a.shard.of != b.shard.of || a.compared != b.compared || a.function != b.function ||
        a.signal != b.signal)
        throw std::runtime_error(fmt::format("other options than in {}", where));
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more)
{
    to.insert(to.end(), more.begin(), more.end());
}

void add(exec_report& to, const exec_report& more)
{
    append(to.storms, more.storms);
    append(to.differences, more.differences);
    for (const placement& p : more.placements)
        if (std::none_of(to.placements.begin(), to.placements.end(),
                         [&](const placement& q) { return q.at == p.at && q.restart == p.restart; }))
            to.placements.push_back(p);
    for (const boundary_run& b : more.sweep.runs)
        if (std::none_of(to.sweep.runs.begin(), to.sweep.runs.end(),
                         [&](const boundary_run& c) { return c.at == b.at; }))
            to.sweep.runs.push_back(b);
    for (const unsigned s : more.shards)
        if (std::find(to.shards.begin(), to.shards.end(), s) == to.shards.end())
            to.shards.push_back(s);
    for (const std::string& a : more.unstable)
        if (!has(to.unstable, a))
            to.unstable.push_back(a);
    to.calls = std::max(to.calls, more.calls);
}

/// What one has not compared is not a finding of the others.
void forget_unstable(exec_report& r)
{
    const auto unstable = [&](const difference& d) { return has(r.unstable, d.aspect); };
    std::erase_if(r.differences, unstable);
    for (placement& p : r.placements)
        std::erase_if(p.differences, unstable);
    for (boundary_run& b : r.sweep.runs)
        std::erase_if(b.differences, unstable);
}

bool any_part_counts(const exec_report& r)
{
    return any_counts(r.differences) || verdict_of(r.placements) == exec_verdict::differs ||
           std::any_of(r.sweep.runs.begin(), r.sweep.runs.end(),
                       [](const boundary_run& b) { return any_counts(b.differences); });
}

void judge(exec_report& r, const std::vector<exec_report>& parts)
{
    std::sort(r.shards.begin(), r.shards.end());
    const auto stopped = std::find_if(parts.begin(), parts.end(), [](const exec_report& p) {
        return p.verdict != exec_verdict::same && p.verdict != exec_verdict::differs;
    });
    r.why.clear();
    if (any_part_counts(r)) {
        r.verdict = exec_verdict::differs;
    } else if (stopped != parts.end()) {
        r.verdict = stopped->verdict;
        r.why = stopped->why;
    } else if (const auto missing = lacks(r); !missing.empty()) {
        r.verdict = exec_verdict::stopped;
        r.why = fmt::format("shards are missing: {} of {}", fmt::join(missing, ", "), r.config.shard.of);
    } else {
        r.verdict = exec_verdict::same;
    }
}

} // namespace

exec_report merged(const std::vector<json_text>& files)
{
    std::vector<exec_report> parts;
    for (const json_text& file : files)
        try {
            parts.push_back(read(file.text));
            check_alike(parts.front().config, parts.back().config, "the first file");
        } catch (const std::exception& e) {
            throw std::runtime_error(fmt::format("cannot merge {}: {}", file.name, e.what()));
        }
    exec_report all = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i)
        add(all, parts[i]);
    forget_unstable(all);
    judge(all, parts);
    return all;
}

exec_report resumed(const json_text& file, const exec_config& c)
{
    try {
        exec_report r = read(file.text);
        check_alike(r.config, c, "the command line");
        if (r.config.restarts != c.restarts || r.config.mask != c.mask ||
            r.config.stdin_file != c.stdin_file ||
            (c.shard.of > 1 && r.shards != std::vector{c.shard.number}))
            throw std::runtime_error("other options than on the command line");
        return r;
    } catch (const std::exception& e) {
        throw std::runtime_error(fmt::format("cannot go on from {}: {}", file.name, e.what()));
    }
}

} // namespace nmisim::exec
