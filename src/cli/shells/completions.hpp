// SPDX-License-Identifier: MIT
//
// Shell completions, and the manual page's tables: `nmi-sim completions bash`, `nmi-sim manual`. The build calls both; --help
// does not list them. A shell's script is a few lines that ask the program each time Tab is pressed, by `nmi-sim
// completions for WORD...`: only the program knows what can be chosen.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nmisim::cli {

/// What can stand in the place of the last of `words`, which come after the program's name: a line each, the word, then a tab
/// and its description if it has one. A word that ends with a colon is not complete. The single line ":file" means
/// names of files.
std::string candidates(std::span<const std::string> words);

struct shell {
    std::string_view name;
    std::string_view script;
};
std::span<const shell> all_shells() noexcept;
/// Sections of nmi-sim(1) in scdoc's language: verbs, options, exit status.
std::string manual_sections();

} // namespace nmisim::cli
