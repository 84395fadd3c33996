// SPDX-License-Identifier: MIT
//
// `nmi-sim help [VERB]`: prints the same as `nmi-sim VERB --help`.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

int help_verb(const settings&, const invocation& call)
{
    std::vector<std::string> words = call.words;
    std::erase_if(words, [](const std::string& w) { return w == "--help" || w == "-h"; });
    if (words.size() > 1)
        throw usage_error("'help' takes one verb");
    const std::string name(words.empty() ? std::string(default_verb().name) : words.front());
    if (const verb_info* const verb = find_verb(name); verb != nullptr) {
        write_stdout(help_text(*verb, help_columns()));
        return exit_pass;
    }
    std::vector<std::string> names = names_in(all_verbs());
    for (const verb_info& v : helper_verbs())
        names.emplace_back(v.name);
    throw usage_error("'{}' has no help ({}){}", shown(name), fmt::join(names, ", "),
                      did_you_mean(name, names));
}

} // namespace nmisim::cli
