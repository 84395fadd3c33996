// SPDX-License-Identifier: MIT
//
// The options of all verbs, in one table. Boost.Program_options, --help, --print-config and the shell completions use
// it, so they cannot differ. To add an option, add a row to option_table.cpp.
#pragma once

#include "cli/options/settings.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace nmisim::cli {

enum class group { load, machine, handlers, run, checks, output, other };
struct group_info {
    group id;
    std::string_view title;
};
inline constexpr std::array all_groups{
    group_info{group::load, "Load"},         group_info{group::machine, "Machine"},
    group_info{group::handlers, "Handlers"}, group_info{group::run, "Run"},
    group_info{group::checks, "Checks"},     group_info{group::output, "Output"},
    group_info{group::other, "Other"},
};

/// What a value is, for completions.
enum class value_kind { free_text, words, file };

struct option_spec {
    std::string_view name;     ///< without dashes
    char letter = 0;           ///< short form, 0: none
    std::string_view metavar;  ///< empty: a flag, which takes no value; "[=LIST]": may be left out
    std::string_view fallback; ///< the default, as shown in --help; for --print-config where it is a value
    group in = group::other;
    verb_set verbs = for_run;
    std::string_view help;
    void (*set)(settings&, std::string_view value) = nullptr; ///< Errors: usage_error
    value_kind kind = value_kind::free_text;
    std::string_view topic{}; ///< of `nmi-sim list`, which names its words
    bool repeatable = false;

    constexpr bool is_flag() const noexcept { return metavar.empty(); }
    constexpr bool value_can_be_left_out() const noexcept { return metavar.starts_with("[="); }
    /// As --help writes it behind the name.
    std::string shown_value() const
    {
        return (is_flag() || value_can_be_left_out() ? "" : " ") + std::string(metavar);
    }
    constexpr bool is_for(verb_set v) const noexcept { return (static_cast<unsigned>(verbs) & v) != 0; }
    /// Takes part in what a run does, as opposed to how it is shown.
    constexpr bool changes_the_run() const noexcept { return in != group::output && in != group::other; }
};

std::span<const option_spec> all_options();
/// nullptr if there is none. The verb is not asked for.
const option_spec* find_option(std::string_view name);

} // namespace nmisim::cli
