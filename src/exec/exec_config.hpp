// SPDX-License-Identifier: MIT
//
// What is asked of an exec, as plain data.
#pragma once

#include "exec/outcome.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::exec {

enum class restart { on, off, both };
inline constexpr std::array all_restarts{restart::on, restart::off, restart::both};
constexpr std::string_view name_of(restart r) noexcept
{
    return r == restart::on ? "on" : r == restart::off ? "off" : "both";
}

enum class wait_for { main, all };
inline constexpr std::array all_wait_fors{wait_for::main, wait_for::all};
constexpr std::string_view name_of(wait_for w) noexcept
{
    return w == wait_for::main ? "main" : "all";
}

/// Where in a call --each-call places its NMI.
enum class placing { entry, blocked };
inline constexpr std::array all_placings{placing::entry, placing::blocked};
constexpr std::string_view name_of(placing p) noexcept
{
    return p == placing::entry ? "entry" : "blocked";
}

/// What a signal mask of the program's does to an NMI.
enum class masks { respect, ignore };
inline constexpr std::array all_masks{masks::respect, masks::ignore};
constexpr std::string_view name_of(masks m) noexcept
{
    return m == masks::respect ? "respect" : "ignore";
}

/// Which processes take NMIs.
enum class followed { all, main };
inline constexpr std::array all_followed{followed::all, followed::main};
constexpr std::string_view name_of(followed f) noexcept
{
    return f == followed::all ? "all" : "main";
}

/// How far a sample of --profile looks.
enum class stacks { cfi, fp, leaf };
inline constexpr std::array all_stacks{stacks::cfi, stacks::fp, stacks::leaf};
constexpr std::string_view name_of(stacks s) noexcept
{
    return s == stacks::cfi ? "cfi" : s == stacks::fp ? "fp" : "leaf";
}

/// One of so many machines, or workers, that share the calls.
struct share {
    unsigned number = 1;
    unsigned of = 1;
    bool has(std::size_t i) const noexcept { return i % of == number - 1; }
};

/// Whether --function puts its signal into children that are forked at the instruction, where they do as well as runs.
enum class forking { automatic, never };
inline constexpr std::array all_forkings{forking::automatic, forking::never};
constexpr std::string_view name_of(forking f) noexcept
{
    return f == forking::automatic ? "auto" : "never";
}

/// Which calls of the function --function puts its signals into.
enum class calls_used { first, each };
inline constexpr std::array all_calls_used{calls_used::first, calls_used::each};
constexpr std::string_view name_of(calls_used c) noexcept
{
    return c == calls_used::first ? "first" : "each";
}

struct exec_config {
    std::vector<std::string> argv; ///< the command
    std::string stdin_file = "/dev/null";
    double rate_hz = 1000;
    exec::restart restarts = restart::on;
    unsigned baseline = 2;
    aspects compared{"status", "stdout", "stderr"};
    std::uint64_t timeout_ns = 0; ///< 0: from the time of the plain runs
    std::uint64_t seed = 1;
    wait_for waits = wait_for::main;
    bool each_call = false;
    bool every_call = false;      ///< also those that a signal cannot interrupt
    std::vector<long> only_calls; ///< of these numbers; empty: of all
    exec::placing placing = placing::entry;
    std::vector<std::string> at; ///< addresses of calls, "0.1:121"; empty: each call
    std::uint64_t limit = 0;     ///< of the calls that are tried; 0: none
    unsigned jobs = 1;           ///< runs at a time
    exec::share shard;           ///< of the calls
    exec::masks mask = masks::respect;
    exec::followed follow = followed::all;
    bool profile = false;
    exec::stacks frames = stacks::cfi;
    std::size_t timeline = 0; ///< newest samples of a profile that are kept with their times
    bool audit = false;
    int signal = 0;                   ///< whose handlers are looked at; 0: each that comes
    std::vector<std::string> allowed; ///< functions that a handler may call
    std::string function;             ///< at whose instructions the signal is put; empty: none
    std::uint64_t visit = 0;          ///< only each instruction's execution of that number; 0: all
    exec::forking forks = forking::automatic;
    calls_used calls = calls_used::first;
};

} // namespace nmisim::exec
