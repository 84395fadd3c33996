// SPDX-License-Identifier: MIT
#include "cli/shells/completions.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

namespace {

/// Plain text for scdoc: what it would take for markup is escaped.
std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (std::string_view("\\*_#").find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out;
}

std::string option_entry(const option_spec& o)
{
    std::string text = o.letter == 0 ? "" : fmt::format("*-{}*, ", o.letter);
    text += fmt::format("*--{}*", o.name);
    if (o.value_can_be_left_out())
        text += escaped(o.metavar);
    else if (!o.is_flag())
        text += fmt::format(" _{}_", escaped(o.metavar));
    text += fmt::format("\n\t{}.", escaped(o.help));
    if (!o.fallback.empty())
        text += fmt::format(" Default: {}.", escaped(o.fallback));
    if (o.kind == value_kind::words && !o.topic.empty())
        text += fmt::format(" See *nmi-sim list {}*.", o.topic);
    return text + "\n\n";
}

} // namespace

std::string manual_sections()
{
    std::string text = "# VERBS\n\n";
    for (const verb_info& v : all_verbs())
        text += fmt::format("*{}* {}\n\t{}\n\n", v.name, escaped(v.synopsis), escaped(v.description));
    for (const verb_info& v : all_verbs()) {
        std::string title(v.name);
        for (char& c : title)
            c = static_cast<char>(c - 'a' + 'A');
        text += fmt::format("# OPTIONS OF {}\n\n", title);
        for (const group_info& g : all_groups) {
            std::string entries;
            for (const option_spec& o : all_options())
                if (o.in == g.id && o.is_for(v.id))
                    entries += option_entry(o);
            if (!entries.empty())
                text += fmt::format("## {}\n\n{}", g.title, entries);
        }
    }
    text += "# EXIT STATUS\n\n";
    for (const catalog_entry& e : find_topic("exit-codes")->entries())
        text += fmt::format("*{}*\n\t{}.\n\n", e.name, escaped(e.text));
    return text;
}

} // namespace nmisim::cli
