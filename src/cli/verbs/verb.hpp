// SPDX-License-Identifier: MIT
//
// What the program can do: `nmi-sim VERB [OPTION]...`. A verb is a row of the table in verb.cpp: its name, how
// --help describes it, and its function. To add one: write the function in a file of its own, add the row, and
// give its options to the option table with its bit of `verb_set`.
#pragma once

#include "cli/options/option_table.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

struct invocation {
    std::vector<std::string> argv;    ///< all of it, the program's name first
    std::vector<std::string> words;   ///< what follows the verb
    std::vector<std::string> command; ///< of exec: what follows --, which is not in `words`
};

struct verb_info {
    std::string_view name;
    verb_set id;
    std::string_view summary;     ///< one line, for the list of verbs
    std::string_view synopsis;    ///< "[OPTION]..."
    std::string_view description; ///< paragraphs for --help
    std::string_view examples;    ///< lines for --help
    /// The exit code. Errors: any exception; main() prints it.
    int (*run)(const settings&, const invocation&);
};

/// Those with a --help of their own.
std::span<const verb_info> all_verbs();
/// Those that only print something about the others.
std::span<const verb_info> helper_verbs();
const verb_info* find_verb(std::string_view name);
/// The verb if none is named.
const verb_info& default_verb();

/// --help of a verb. `columns`: where to wrap.
std::string help_text(const verb_info& verb, int columns);
std::string version_text();

int run_verb(const settings& s, const invocation& call);
int list_verb(const settings& s, const invocation& call);
int explore_verb(const settings& s, const invocation& call);
int selftest_verb(const settings& s, const invocation& call);
int page_verb(const settings& s, const invocation& call);
int exec_verb(const settings& s, const invocation& call);
int merge_verb(const settings& s, const invocation& call);
int help_verb(const settings& s, const invocation& call);
int completions_verb(const settings& s, const invocation& call);
int manual_verb(const settings& s, const invocation& call);

} // namespace nmisim::cli
