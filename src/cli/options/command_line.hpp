// SPDX-License-Identifier: MIT
//
// From the command line to settings. The library Boost.Program_options splits words into options and values; what it
// would otherwise decide by itself is decided here:
//
//   abbreviations   refused (allow_guessing is off): a new option must not break old scripts
//   stray words     refused and named; the library drops them in silence
//   repeated        the last one wins, as with GNU tools, so that a wrapper's options can be overridden
//   values          src/cli/options/value.cpp, not lexical_cast
//   precedence      command line over configuration file over default
//   messages        name the option as typed, or file and line, with a suggestion for a typo
#pragma once

#include "cli/options/option_table.hpp"
#include "cli/options/settings.hpp"

#include <string>
#include <vector>

namespace nmisim::cli {

/// An option that was given, wherever it came from.
struct assignment {
    const option_spec* option = nullptr;
    std::string value; ///< "true" for a flag
    std::string where; ///< how to call it in a message: "--rate", "load.conf:3: rate"
    std::string hint;  ///< appended when the value is refused, or empty
};

/// Carries out one assignment. Errors: usage_error.
void apply(settings& s, const assignment& a);

/// All of it: configuration file, then command line, then what follows from both (number of vCPUs, seed).
/// With --help or --version nothing else is looked at.
/// Errors: usage_error; std::system_error when the configuration file cannot be read.
settings parse_command_line(verb_set verb, const std::vector<std::string>& words);

} // namespace nmisim::cli
