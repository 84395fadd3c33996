// SPDX-License-Identifier: MIT
#include "cli/options/exec_setters.hpp"

#include "base/shown_text.hpp"
#include "cli/options/condition.hpp"
#include "cli/options/value.hpp"
#include "exec/each_call.hpp"
#include "exec/handlers/function_name.hpp"
#include "exec/handlers/signal_name.hpp"
#include "report/exec_metric.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

void set_restart(settings& s, std::string_view value)
{
    s.exec.restarts = parse_choice(value, "a choice", exec::all_restarts);
}

void set_wait(settings& s, std::string_view value)
{
    s.exec.waits = parse_choice(value, "a choice", exec::all_wait_fors);
}

void set_at(settings& s, std::string_view value)
{
    if (const auto place = exec::boundary_address_of(value)) {
        if (!s.exec.function.empty() && s.exec.function != place->function)
            throw usage_error(
                fmt::format("--at {} is in another function than {}", shown(value), shown(s.exec.function)));
        s.exec.function = place->function;
        s.exec.at.push_back(text_of(*place));
        return;
    }
    if (!exec::call_address_of(value))
        throw usage_error(fmt::format(
            "'{}' is not the address of a call, nor an instruction's (examples: 0.1:121, work+0xf#2)",
            shown(value)));
    s.exec.at.emplace_back(value);
}

void set_function(settings& s, std::string_view value)
{
    if (!exec::function_name_of(value))
        throw usage_error(
            fmt::format("'{}' is not the name of a function (examples: qsort, libc:qsort, libfoo.so+0x1200)",
                        shown(value)));
    if (!s.exec.function.empty() && s.exec.function != value)
        throw usage_error(
            fmt::format("one function at a time: {} and {}", shown(s.exec.function), shown(value)));
    s.exec.function = value;
}

void set_visit(settings& s, std::string_view value)
{
    s.exec.visit = value == "all" ? 0 : parse_count(value, 1, 1'000'000'000);
}

void set_fork(settings& s, std::string_view value)
{
    s.exec.forks = parse_choice(value, "a choice", exec::all_forkings);
}

void set_calls(settings& s, std::string_view value)
{
    s.exec.calls = parse_choice(value, "a choice", exec::all_calls_used);
}

void set_handler_signal(settings& s, std::string_view value)
{
    const auto signal = exec::signal_of(value);
    if (!signal)
        throw usage_error(
            fmt::format("'{}' is not a signal that a program can handle (example: USR1)", shown(value)));
    s.exec.signal = *signal;
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
            throw usage_error(fmt::format("'{}' is not a system call of this machine", shown(name)));
        if (!exec::is_interruptible(*nr))
            throw usage_error(fmt::format("a signal can do nothing to '{}' ('nmi-sim list calls' names the "
                                          "others; --each-call=all takes each)",
                                          name));
        c.only_calls.push_back(*nr);
        begin = end + 1;
    }
}

void set_place(settings& s, std::string_view value)
{
    s.exec.placing = parse_choice(value, "a place", exec::all_placings);
}

void set_mask(settings& s, std::string_view value)
{
    s.exec.mask = parse_choice(value, "a choice", exec::all_masks);
}

void set_follow(settings& s, std::string_view value)
{
    s.exec.follow = parse_choice(value, "a choice", exec::all_followed);
}

void set_stacks(settings& s, std::string_view value)
{
    s.exec.frames = parse_choice(value, "a choice", exec::all_stacks);
}

void set_shard(settings& s, std::string_view value)
{
    constexpr std::uint64_t most = 100'000;
    const std::size_t slash = value.find('/');
    if (slash == value.npos)
        throw usage_error(fmt::format("'{}' is not a shard (example: 1/4, the first of four)", shown(value)));
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
            throw usage_error(fmt::format("'{}' is named twice", shown(one)));
        compared.emplace_back(one);
        begin = end + 1;
    }
    s.exec.compared = std::move(compared);
}

} // namespace nmisim::cli
