// SPDX-License-Identifier: MIT
#include "cli/options/setters.hpp"

#include "base/shown_text.hpp"
#include "cli/options/value.hpp"
#include "exec/each_call.hpp"
#include "exec/handlers/function_name.hpp"
#include "exec/handlers/signal_name.hpp"
#include "report/exec_metric.hpp"

#include <algorithm>
#include <csignal>
#include <optional>

namespace nmisim::cli {

namespace {

/// The VALUE of `text`, if that is `kind:VALUE`.
std::optional<std::string_view> value_of(std::string_view kind, std::string_view text)
{
    if (!text.starts_with(kind) || text.substr(kind.size(), 1) != ":")
        return std::nullopt;
    return text.substr(kind.size() + 1);
}

} // namespace

void set_rate(settings& s, std::string_view value)
{
    s.run.inject.rate_max = value == "max";
    if (!s.run.inject.rate_max)
        s.run.inject.rate_hz = parse_rate_hz(value);
}

void set_source(settings& s, std::string_view value)
{
    std::vector<source_kind> sources;
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        const source_kind kind = parse_choice(value.substr(begin, end - begin), "a source", all_source_kinds);
        if (std::find(sources.begin(), sources.end(), kind) != sources.end())
            throw usage_error("source '{}' is named twice", name_of(kind));
        sources.push_back(kind);
        begin = end + 1;
    }
    s.run.sources = std::move(sources);
}

void set_arrival(settings& s, std::string_view value)
{
    if (const auto size = value_of("burst", value)) {
        s.run.inject.burst = static_cast<unsigned>(parse_count(*size, 1, 1'000'000));
        s.run.inject.arrival = arrival::burst;
        return;
    }
    if (value == "burst")
        throw usage_error("'burst' needs a size (example: burst:16)");
    constexpr std::array plain{arrival::periodic, arrival::poisson};
    try {
        s.run.inject.arrival = parse_choice(value, "an arrival", plain);
    } catch (const usage_error&) {
        parse_word(value, "an arrival", {"periodic", "poisson", "burst:N"}); // throws, and names all three
    }
    s.run.inject.burst = 1;
}

void set_swap_interval(settings& s, std::string_view value)
{
    s.run.swap = value != "never";
    if (s.run.swap)
        s.run.swap_interval_ns = parse_duration_ns(value, bare_number::milliseconds);
}

void set_onoff_interval(settings& s, std::string_view value)
{
    s.run.onoff = value != "never";
    if (s.run.onoff)
        s.run.onoff_interval_ns = parse_duration_ns(value, bare_number::milliseconds);
}

/// A tick of the watchdog is a fifth of its threshold, and threads do not sleep for less than that.
constexpr std::uint64_t shortest_job_ns = 1'000'000;

void set_handler(settings& s, std::string_view value)
{
    if (const auto time = value_of("slow", value)) {
        s.run.handler = handler_kind::count;
        s.run.hold_ns = parse_duration_ns(*time);
        return;
    }
    if (value == "slow")
        throw usage_error("'slow' needs a time (example: slow:50us)");
    s.run.hold_ns = 0;
    if (const auto room = value_of("profile", value)) {
        s.run.handler = handler_kind::profile;
        s.run.profile_room = parse_count(*room, 1, 10'000'000);
        return;
    }
    if (const auto thresh = value_of("watchdog", value)) {
        s.run.handler = handler_kind::watchdog;
        s.run.watchdog_thresh_ns = parse_duration_from_ns(*thresh, shortest_job_ns);
        return;
    }
    if (const auto interval = value_of("backtrace", value)) {
        s.run.handler = handler_kind::backtrace;
        s.run.backtrace_interval_ns = parse_duration_from_ns(*interval, shortest_job_ns);
        return;
    }
    parse_word(value, "a handler", {"count", "slow:TIME", "profile", "watchdog", "backtrace"});
    if (value == "slow:TIME")
        throw usage_error("'slow:TIME' needs a time in place of TIME (example: slow:50us)");
    s.run.handler = parse_choice(value, "a handler", all_handler_kinds);
    const run_config defaults;
    s.run.profile_room = defaults.profile_room;
    s.run.watchdog_thresh_ns = defaults.watchdog_thresh_ns;
    s.run.backtrace_interval_ns = defaults.backtrace_interval_ns;
}

void set_fault(settings& s, std::string_view value)
{
    if (value == "none") {
        s.run.fault = fault::none;
        return;
    }
    const fault_info* const info = find_fault(value);
    if (info == nullptr)
        throw usage_error("'{}' is not a fault{} ('nmi-sim list faults' names them)", shown(value),
                          did_you_mean(value, names_in(all_faults())));
    s.run.fault = info->id;
}

void set_flavor(settings& s, std::string_view value)
{
    s.every_flavor = value == "all";
    if (s.every_flavor)
        return;
    std::vector<std::string> names;
    for (const flavor f : all_flavors)
        names.emplace_back(name_of(f));
    if (s.verb == for_explore)
        names.emplace_back("all");
    s.run.machine.rcu = all_flavors[parse_word(value, "a flavor", names)];
}

void set_window(settings& s, std::string_view value)
{
    parse_word(value, "a window", names_in(explore::all_windows()));
    s.windows.emplace_back(value);
}

void set_memory(settings& s, std::string_view value)
{
    constexpr std::array models{explore::memory_model::sc, explore::memory_model::tso};
    s.explore.within.memory = models[parse_word(value, "a memory model", {"sc", "tso"})];
}

std::string file_name(std::string_view value)
{
    if (value == "-")
        throw usage_error(
            "'-' is not a file; for JSON on standard output use --json, for anything else name /dev/stdout");
    return file_to_read(value);
}

std::string file_to_read(std::string_view value)
{
    if (value.empty())
        throw usage_error("a file needs a name");
    if (value == "-")
        throw usage_error("'-' is not a file; for standard input name /dev/stdin");
    return std::string(value);
}

void set_verbosity(settings& s, std::string_view value, verbosity asked)
{
    if (parse_flag(value))
        s.verbosity = asked;
    else if (s.verbosity == asked)
        s.verbosity = verbosity::normal;
}

void set_signal(settings& s, std::string_view value)
{
    if (s.verb == for_exec) {
        const auto signal = exec::signal_of(value);
        if (!signal)
            throw usage_error("'{}' is not a signal that a program can handle (example: USR1)", shown(value));
        s.exec.signal = *signal;
        return;
    }
    std::string_view offset = value;
    if (offset.starts_with("SIG"))
        offset.remove_prefix(3);
    if (!offset.starts_with("RTMIN+"))
        throw usage_error("'{}' is not a real-time signal (example: RTMIN+1)", shown(value));
    offset.remove_prefix(6);
    const auto most = static_cast<std::uint64_t>(SIGRTMAX - SIGRTMIN - 1); // the next one asks for backtraces
    s.run.machine.signal_offset = static_cast<int>(parse_count(offset, 0, most));
}

void set_at(settings& s, std::string_view value)
{
    if (const auto place = exec::boundary_address_of(value)) {
        if (!s.exec.function.empty() && s.exec.function != place->function)
            throw usage_error("--at {} is in another function than {}", shown(value), shown(s.exec.function));
        s.exec.function = place->function;
        s.exec.at.push_back(text_of(*place));
        return;
    }
    if (!exec::call_address_of(value))
        throw usage_error(
            "'{}' is not the address of a call, nor an instruction's (examples: 0.1:121, work+0xf#2)",
            shown(value));
    s.exec.at.emplace_back(value);
}

void set_function(settings& s, std::string_view value)
{
    if (!exec::function_name_of(value))
        throw usage_error(
            "'{}' is not the name of a function (examples: qsort, libc:qsort, libfoo.so+0x1200)",
            shown(value));
    if (!s.exec.function.empty() && s.exec.function != value)
        throw usage_error("one function at a time: {} and {}", shown(s.exec.function), shown(value));
    s.exec.function = value;
}

void set_allow(settings& s, std::string_view value)
{
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        if (end == begin)
            throw usage_error("--allow needs the name of a function");
        s.exec.allowed.emplace_back(value.substr(begin, end - begin));
        begin = end + 1;
    }
}

void set_each_call(settings& s, std::string_view value)
{
    exec::exec_config& c = s.exec;
    c.each_call = true;
    c.every_call = value == "all";
    c.only_calls.clear();
    for (std::size_t begin = 0; begin < value.size() && !c.every_call;) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        const std::string_view name = value.substr(begin, end - begin);
        const std::optional<long> nr = exec::call_named(name);
        if (!nr)
            throw usage_error("'{}' is not a system call of this machine", shown(name));
        if (!exec::is_interruptible(*nr))
            throw usage_error("a signal can do nothing to '{}' ('nmi-sim list calls' names the "
                              "others; --each-call=all takes each)",
                              name);
        c.only_calls.push_back(*nr);
        begin = end + 1;
    }
}

void set_shard(settings& s, std::string_view value)
{
    constexpr std::uint64_t most = 100'000;
    const std::size_t slash = value.find('/');
    if (slash == value.npos)
        throw usage_error("'{}' is not a shard (example: 1/4, the first of four)", shown(value));
    s.exec.shard.of = static_cast<unsigned>(parse_count(value.substr(slash + 1), 1, most));
    s.exec.shard.number = static_cast<unsigned>(parse_count(value.substr(0, slash), 1, s.exec.shard.of));
}

void set_fail_if(settings& s, std::string_view value)
{
    s.fail_if.push_back(s.verb == for_run ? parse_condition(value)
                                          : parse_condition(value, exec::exec_metrics()));
}

void set_compare(settings& s, std::string_view value)
{
    exec::aspects compared;
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        const std::string_view one = value.substr(begin, end - begin);
        if (!one.starts_with("file="))
            parse_word(one, "a part of an outcome", {"status", "stdout", "stderr", "file=PATH"});
        if (one == "file=" || one == "file=PATH")
            throw usage_error("'file=' needs the path of a file");
        if (std::find(compared.begin(), compared.end(), one) != compared.end())
            throw usage_error("'{}' is named twice", shown(one));
        compared.emplace_back(one);
        begin = end + 1;
    }
    s.exec.compared = std::move(compared);
}

} // namespace nmisim::cli
