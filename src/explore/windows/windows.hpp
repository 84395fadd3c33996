// SPDX-License-Identifier: MIT
//
// The windows that the program ships: its own read side, write side and vCPU life, for a flavor, correct or with one
// ingredient left out.
#pragma once

#include "faults/fault.hpp"
#include "nmisim/explore_replay.hpp"

#include <optional>
#include <span>

namespace nmisim::explore {

struct window_info {
    std::string_view name;
    std::string_view what;  ///< one line
    bool by_default = true; ///< part of an exploration that names none
};
std::span<const window_info> all_windows() noexcept;

int exit_code(const any_report& r) noexcept;
const std::string& name_of(const any_report& r) noexcept;

struct window_options {
    flavor rcu = flavor::memb;
    fault left_out = fault::none;
    bool full_map = false;
    unsigned nmis = 1;    ///< on the reader's thread of a map: 2, one more than its own
    unsigned readers = 1; ///< of a map
    limits within{};
};

/// Why this window cannot be explored with these options, or an empty text.
std::string_view not_applicable(std::string_view window, const window_options& o) noexcept;

struct window_choice {
    std::string window;
    window_options options;
};
/// What the token of a finding was found in. Empty: in none of these windows.
std::optional<window_choice> window_of_token(std::string_view token);

/// Repeats the finding of the token. Errors: as explore_window().
any_report replay_window(const window_choice& in, std::string_view token, const on_hold& held);

/// Explores one window. `window` is a name of all_windows().
/// Errors: std::invalid_argument for another name; std::system_error when no child process can be had.
any_report explore_window(std::string_view window, const window_options& o);

} // namespace nmisim::explore
