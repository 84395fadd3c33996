// SPDX-License-Identifier: MIT
//
// The option table as Boost.Program_options wants it. Every value is text to the library. Internal to cli.
#pragma once

#include "cli/options/option_table.hpp"

#include <boost/program_options/options_description.hpp>

namespace nmisim::cli {

boost::program_options::options_description boost_description(verb_set verb);

/// "; did you mean '--rate'?", "; it is an option of 'nmi-sim list'", or an empty text.
/// `prefix` is "--" on the command line and empty in a file.
std::string option_hint(std::string_view unknown, verb_set verb, std::string_view prefix);

} // namespace nmisim::cli
