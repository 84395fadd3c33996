// SPDX-License-Identifier: MIT
//
// Shell completions and the manual page's tables, written by the program itself from the verb and option tables
// and the catalogue: `nmi-sim completions bash`, `nmi-sim manual`. The build calls both; --help does not list
// them.
#pragma once

#include "cli/options/option_table.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

/// Values that can stand after the option, as far as they can be listed. A placeholder is cut: "slow:".
std::vector<std::string> words_for(const option_spec& option, verb_set verb);

/// Whether several of them can stand there, with commas between.
bool takes_several(const option_spec& option);
/// What `nmi-sim help` takes.
std::vector<std::string> helped_verbs();
/// What `nmi-sim completions` takes.
inline constexpr std::string_view shells = "bash zsh fish";

std::string bash_completions();
std::string zsh_completions();
std::string fish_completions();
/// Sections of nmi-sim(1) in scdoc's language: verbs, options, exit status.
std::string manual_sections();

} // namespace nmisim::cli
