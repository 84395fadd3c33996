// SPDX-License-Identifier: MIT
//
// `nmi-sim completions SHELL`, for the build and for users who want a completion in ~/.config; `nmi-sim completions for
// WORD...`, which the scripts call; `nmi-sim manual`, for the build.
#include "cli/exit_code.hpp"
#include "cli/options/value.hpp"
#include "cli/shells/completions.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"

#include <span>

namespace nmisim::cli {

namespace {

/// These two have no options, and `VERB --help` is what the message of a usage error advises.
bool asks_for_help(const invocation& call)
{
    if (call.words.size() != 1 || (call.words[0] != "--help" && call.words[0] != "-h"))
        return false;
    write_stdout(help_text(*find_verb(call.argv.at(1)), help_columns()));
    return true;
}

} // namespace

int completions_verb(const settings&, const invocation& call)
{
    if (asks_for_help(call))
        return exit_pass;
    if (!call.words.empty() && call.words[0] == "for") { // what the scripts ask
        write_stdout(candidates(std::span(call.words).subspan(1)));
        return exit_pass;
    }
    if (call.words.size() != 1)
        throw usage_error("'completions' takes one word: bash, zsh or fish");
    write_stdout(all_shells()[parse_word(call.words[0], "a shell", names_in(all_shells()))].script);
    return exit_pass;
}

int manual_verb(const settings&, const invocation& call)
{
    if (asks_for_help(call))
        return exit_pass;
    if (!call.words.empty())
        throw usage_error("'manual' takes no argument");
    write_stdout(manual_sections());
    return exit_pass;
}

} // namespace nmisim::cli
