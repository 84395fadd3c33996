// SPDX-License-Identifier: MIT
#include "cli/shells/completions.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nmisim::cli {

namespace {

/// For use inside of single quotes, with `special` escaped for _arguments.
std::string escaped(std::string_view text, std::string_view special)
{
    std::string out;
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
            continue;
        }
        if (c == '\\' || special.find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out;
}

/// One specification of _arguments: '(-r --rate)'{-r,--rate=}'[help]:N:'
std::string specification(const option_spec& o, verb_set verb)
{
    const char* const value_mark = o.is_flag() ? "" : "=";
    std::string text;
    if (o.letter == 0)
        text = fmt::format("'{}--{}{}", o.repeatable ? "*" : "", o.name, value_mark);
    else if (o.repeatable)
        text = fmt::format("'*'{{-{},--{}{}}}'", o.letter, o.name, value_mark);
    else
        text = fmt::format("'(-{0} --{1})'{{-{0},--{1}{2}}}'", o.letter, o.name, value_mark);
    text += fmt::format("[{}]", escaped(o.help, "[]:"));
    if (!o.is_flag()) {
        text += fmt::format(":{}:", escaped(o.metavar, ":"));
        std::vector<std::string> words;
        for (const std::string& w : words_for(o, verb))
            words.push_back(escaped(w, ":"));
        if (o.kind == value_kind::file)
            text += "_files";
        else if (!words.empty())
            text += fmt::format("({})", fmt::join(words, " "));
    }
    return text + "'";
}

std::string arguments_of(const verb_info& verb)
{
    std::string text = "_arguments -s";
    for (const option_spec& o : all_options())
        if (o.is_for(verb.id))
            text += " \\\n            " + specification(o, verb.id);
    return text;
}

} // namespace

std::string zsh_completions()
{
    std::string verbs;
    std::string branches;
    for (const verb_info& v : all_verbs()) {
        verbs += fmt::format("\n        '{}:{}'", v.name, escaped(v.summary, ":"));
        std::string rest;
        if (v.id == for_list) {
            std::vector<std::string_view> topics;
            for (const catalog_topic& t : all_topics())
                topics.push_back(t.name);
            rest = fmt::format(" \\\n            '*:TOPIC:({})'", fmt::join(topics, " "));
        }
        branches += fmt::format("    {})\n        {}{} ;;\n", v.name, arguments_of(v), rest);
    }
    branches += fmt::format("    help)\n        _arguments '1:VERB:({})' ;;\n"
                            "    completions)\n        _arguments '1:SHELL:({})' ;;\n"
                            "    manual) ;;\n",
                            fmt::join(helped_verbs(), " "), shells);
    return fmt::format(R"(#compdef nmi-sim
# zsh completion for nmi-sim, written by 'nmi-sim completions zsh'.

_nmi-sim()
{{
    local verb={0} ret=1
    local -a verbs
    verbs=({1}
    )
    if (( CURRENT > 2 )) && {{ (( ${{verbs[(I)${{words[2]}}:*]}} )) || [[ ${{words[2]}} == (help|completions|manual) ]]; }}; then
        verb=${{words[2]}}
        words=("${{words[1]}}" "${{(@)words[3,-1]}}")
        (( CURRENT -= 1 ))
    elif (( CURRENT == 2 )) && [[ ${{words[2]}} != -* ]]; then
        _describe 'verb' verbs && ret=0
    fi
    case $verb in
{2}    esac && ret=0
    return ret
}}
if [[ $funcstack[1] == _nmi-sim ]]; then
    _nmi-sim "$@"
else
    compdef _nmi-sim nmi-sim
fi
)",
                       default_verb().name, verbs, branches);
}

} // namespace nmisim::cli
