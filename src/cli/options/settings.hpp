// SPDX-License-Identifier: MIT
//
// What the command line and the configuration file ask for, as plain data. `run` goes to the run as it is; the rest is
// about this program's own behaviour. `given` keeps the words as they were typed, so a report can say how to repeat the
// run and --print-config can write them back.
#pragma once

#include "exec/exec_config.hpp"
#include "explore/windows/windows.hpp"
#include "report/metric.hpp"
#include "verify/run_config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nmisim::cli {

enum class color_when { automatic, always, never };
inline constexpr std::array all_color_whens{color_when::automatic, color_when::always, color_when::never};
constexpr std::string_view name_of(color_when c) noexcept
{
    return c == color_when::automatic ? "auto" : c == color_when::always ? "always" : "never";
}

enum class affinity { automatic, none };
inline constexpr std::array all_affinities{affinity::automatic, affinity::none};
constexpr std::string_view name_of(affinity a) noexcept
{
    return a == affinity::automatic ? "auto" : "none";
}

enum class verbosity { quiet, normal, verbose };

/// Which verbs; a set of bits.
enum verb_set : unsigned {
    for_none = 0, ///< of a verb without options
    for_run = 1,
    for_list = 2,
    for_explore = 4,
    for_selftest = 8,
    for_page = 16,
    for_exec = 32,
    for_merge = 64,
    for_all = 127
};
constexpr verb_set operator|(verb_set a, verb_set b) noexcept
{
    return static_cast<verb_set>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

struct settings {
    verb_set verb = for_run; ///< the verb that they are for
    run_config run;

    // Not decided by one option alone: resolve() fills `run` from them.
    std::optional<int> cpus;
    std::optional<std::uint64_t> seed;
    cli::affinity affinity = cli::affinity::automatic;

    std::vector<threshold> fail_if;

    bool histogram = false;
    bool json = false;
    std::string output_file; ///< empty: none
    std::string trace_file;  ///< empty: none
    std::string report_file; ///< empty: none
    std::string folded_file; ///< empty: none
    std::size_t trace_limit = 100'000;
    std::optional<std::uint64_t> interval_ns; ///< unset: redrawn on a terminal, else off; 0 = off
    color_when color = color_when::automatic;
    cli::verbosity verbosity = cli::verbosity::normal;
    std::string config_file;
    std::vector<std::string> configs_not_read; ///< named before `config_file`
    bool print_config = false;
    bool dry_run = false;
    bool help = false;
    bool version = false;
    bool names_only = false; ///< list

    // explore
    bool every_flavor = false;
    std::vector<std::string> windows; ///< empty: those by default
    bool audit = false;
    explore::window_options explore;   ///< but for flavor, fault and what follows from other options
    std::optional<std::string> replay; ///< a token; unset: explore
    bool hold = false;
    bool show_all = false;
    std::string svg_file; ///< empty: none

    exec::exec_config exec;
    bool resume = false; ///< go on from the journal beside output_file

    std::vector<std::pair<std::string, std::string>> given; ///< option and value, in the order of effect
    std::vector<std::string> words;                         ///< arguments that are not options
};

} // namespace nmisim::cli
