// SPDX-License-Identifier: MIT
//
// A configuration file: `name = value`, names as the long options, `#` starts a comment, flags take true or
// false. It may have at most 1 MiB, and a line 4096 bytes, so that a pipe without an end is refused. It is read only if
// --config names it; there is no hidden one. --print-config writes the same form, so a failing run can be attached to a
// bug report.
#pragma once

#include "cli/options/command_line.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

/// Errors: usage_error with file and line; std::system_error when it cannot be read, or has more than 1 MiB.
std::vector<assignment> read_config_file(verb_set verb, const std::string& path);

/// The same from its text; `name` is what messages call it.
std::vector<assignment> read_config(verb_set verb, std::string_view text, const std::string& name);

/// The options in effect, in the form of such a file: given ones and defaults alike.
std::string config_text(const settings& s);

/// `nmi-sim --rate 50k --seed 7351`: what was given and changes the run, and the seed, quoted for a shell.
std::string repeat_command(const settings& s);

} // namespace nmisim::cli
