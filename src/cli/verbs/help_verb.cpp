// SPDX-License-Identifier: MIT
//
// `nmi-sim help [VERB]`: prints the same as `nmi-sim VERB --help`.
#include "base/shown_text.hpp"
#include "cli/exit_code.hpp"
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/help.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

int help_verb(const invocation& call)
{
    std::vector<std::string> words = call.words;
    std::erase_if(words, [](const std::string& w) { return w == "--help" || w == "-h"; });
    if (words.size() > 1)
        throw usage_error("'help' takes one verb");
    const std::string name(words.empty() ? std::string(default_verb().name) : words.front());
    std::vector<std::string> names;
    for (const verb_info& v : all_verbs()) {
        if (v.name == name) {
            write_stdout(help_text(v, help_columns()));
            return exit_pass;
        }
        names.emplace_back(v.name);
    }
    for (const verb_info& v : helper_verbs()) {
        if (v.name == name) {
            write_stdout(helper_help(v));
            return exit_pass;
        }
        names.emplace_back(v.name);
    }
    const std::string nearest = suggest(name, names);
    throw usage_error(fmt::format("'{}' has no help ({}){}", shown(name), fmt::join(names, ", "),
                                  nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

} // namespace nmisim::cli
