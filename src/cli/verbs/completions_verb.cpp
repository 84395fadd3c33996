// SPDX-License-Identifier: MIT
//
// `nmi-sim completions SHELL`, for the build and for users who want a completion in ~/.config; `nmi-sim completions for
// WORD...`, which the scripts call; `nmi-sim manual`, for the build.
#include "cli/exit_code.hpp"
#include "cli/options/value.hpp"
#include "cli/shells/completions.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/help.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string_view>

namespace nmisim::cli {

namespace {

/// These two have no options, and `VERB --help` is what the message of a usage error advises.
bool asks_for_help(const invocation& call)
{
    if (call.words.size() != 1 || (call.words[0] != "--help" && call.words[0] != "-h"))
        return false;
    write_stdout(helper_help(*find_verb(call.argv.at(1))));
    return true;
}

} // namespace

int completions_verb(const invocation& call)
{
    struct shell {
        const char* name;
        std::string_view (*text)() noexcept;
    };
    constexpr std::array known{shell{"bash", bash_completions}, shell{"zsh", zsh_completions},
                               shell{"fish", fish_completions}};
    if (asks_for_help(call))
        return exit_pass;
    if (!call.words.empty() && call.words[0] == "for") { // what the scripts ask
        write_stdout(candidates(std::span(call.words).subspan(1)));
        return exit_pass;
    }
    if (call.words.size() != 1)
        throw usage_error("'completions' takes one word: bash, zsh or fish");
    write_stdout(std::string(known[parse_word(call.words[0], "a shell", {"bash", "zsh", "fish"})].text()));
    return exit_pass;
}

int manual_verb(const invocation& call)
{
    if (asks_for_help(call))
        return exit_pass;
    if (!call.words.empty())
        throw usage_error("'manual' takes no argument");
    write_stdout(manual_sections());
    return exit_pass;
}

} // namespace nmisim::cli
