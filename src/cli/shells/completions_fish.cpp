// SPDX-License-Identifier: MIT
#include "cli/shells/completions.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nmisim::cli {

namespace {

std::string quoted(std::string_view text)
{
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\')
            out += '\\';
        out += c;
    }
    return out + "'";
}

/// The condition under which a line belongs to the verb.
std::string seen(const verb_info& verb)
{
    if (&verb != &default_verb())
        return fmt::format("__fish_seen_subcommand_from {}", verb.name);
    std::vector<std::string> others = helped_verbs();
    std::erase(others, verb.name);
    return fmt::format("not __fish_seen_subcommand_from {}", fmt::join(others, " "));
}

std::string option_line(const verb_info& verb, const option_spec& o)
{
    std::string text = fmt::format("complete -c nmi-sim -n '{}' -l {}", seen(verb), o.name);
    if (o.letter != 0)
        text += fmt::format(" -s {}", o.letter);
    if (o.kind == value_kind::file)
        text += " -r -F";
    else if (!o.is_flag())
        text += " -x";
    if (const auto words = words_for(o, verb.id); !words.empty())
        text += fmt::format(" -a {}", quoted(fmt::format("{}", fmt::join(words, " "))));
    return text + fmt::format(" -d {}\n", quoted(o.help));
}

} // namespace

std::string fish_completions()
{
    std::string text =
        "# fish completion for nmi-sim, written by 'nmi-sim completions fish'.\n\ncomplete -c nmi-sim -f\n";
    for (const verb_info& v : all_verbs())
        text += fmt::format("complete -c nmi-sim -n __fish_is_first_token -a {} -d {}\n", v.name,
                            quoted(v.summary));
    for (const verb_info& v : all_verbs()) {
        text += '\n';
        if (v.id == for_list)
            for (const catalog_topic& t : all_topics())
                text += fmt::format("complete -c nmi-sim -n '{}' -a {} -d {}\n", seen(v), t.name,
                                    quoted(t.title));
        for (const option_spec& o : all_options())
            if (o.is_for(v.id))
                text += option_line(v, o);
    }
    return text + fmt::format("\ncomplete -c nmi-sim -n '__fish_seen_subcommand_from help' -a '{}'\n"
                              "complete -c nmi-sim -n '__fish_seen_subcommand_from completions' -a '{}'\n",
                              fmt::join(helped_verbs(), " "), shells);
}

} // namespace nmisim::cli
