// SPDX-License-Identifier: MIT
//
// `nmi-sim completions SHELL` and `nmi-sim manual`: for the build, and for who wants a completion in ~/.config.
#include "cli/exit_code.hpp"
#include "cli/options/value.hpp"
#include "cli/shells/completions.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/help.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <array>

namespace nmisim::cli {

std::vector<std::string> words_for(const option_spec& option, verb_set verb)
{
    std::vector<std::string> words;
    const catalog_topic* const topic = find_topic(option.topic);
    if (topic == nullptr)
        return words;
    for (const catalog_entry& e : topic->entries()) {
        const std::size_t colon = e.name.find(':');
        words.push_back(colon == std::string::npos ? e.name : e.name.substr(0, colon + 1));
    }
    if (option.name == "flavor" && verb == for_explore)
        words.emplace_back("all");
    return words;
}

bool takes_several(const option_spec& option)
{
    return option.metavar.find("[,") != std::string_view::npos;
}

std::vector<std::string> helped_verbs()
{
    std::vector<std::string> names;
    for (const auto verbs : {all_verbs(), helper_verbs()})
        for (const verb_info& v : verbs)
            names.emplace_back(v.name);
    return names;
}

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
        std::string (*text)();
    };
    constexpr std::array known{shell{"bash", bash_completions}, shell{"zsh", zsh_completions},
                               shell{"fish", fish_completions}};
    if (asks_for_help(call))
        return exit_pass;
    if (call.words.size() != 1)
        throw usage_error("'completions' takes one word: bash, zsh or fish");
    write_stdout(known[parse_word(call.words[0], "a shell", {"bash", "zsh", "fish"})].text());
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
