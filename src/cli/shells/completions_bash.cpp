// SPDX-License-Identifier: MIT
#include "cli/shells/completions.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nmisim::cli {

namespace {

/// `verb:--name|verb:-n`
std::string pattern_of(const verb_info& verb, const option_spec& o)
{
    const std::string name = fmt::format("{}:--{}", verb.name, o.name);
    return o.letter == 0 ? name : fmt::format("{}|{}:-{}", name, verb.name, o.letter);
}

std::string options_of(const verb_info& verb)
{
    std::vector<std::string> words;
    for (const option_spec& o : all_options())
        if (o.is_for(verb.id))
            words.push_back(fmt::format("--{}", o.name));
    return fmt::format("{}", fmt::join(words, " "));
}

/// The branches that complete the value of an option.
std::string value_branches(const verb_info& verb)
{
    std::string text;
    for (const option_spec& o : all_options()) {
        if (!o.is_for(verb.id) || o.is_flag())
            continue;
        if (o.kind == value_kind::file)
            text += fmt::format("        {}) words=FILE ;;\n", pattern_of(verb, o));
        else
            text += fmt::format("        {}) words='{}' free=yes{} ;;\n", pattern_of(verb, o),
                                fmt::join(words_for(o, verb.id), " "), takes_several(o) ? " many=yes" : "");
    }
    return text;
}

} // namespace

std::string bash_completions()
{
    std::vector<std::string_view> verbs;
    std::string values;
    std::string options;
    const std::vector<std::string> helped = helped_verbs();
    for (const verb_info& v : all_verbs()) {
        verbs.push_back(v.name);
        values += value_branches(v);
        options += fmt::format("        {}) words='{}' ;;\n", v.name, options_of(v));
    }
    std::vector<std::string_view> topics;
    for (const catalog_topic& t : all_topics())
        topics.push_back(t.name);
    return fmt::format(R"(# bash completion for nmi-sim, written by 'nmi-sim completions bash'.

_nmi_sim()
{{
    local word cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb={} words='' free='' many='' given='' left=''
    COMPREPLY=()
    # readline splits --name=value in three
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $before == = && $COMP_CWORD -gt 2 ]]; then
        before=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    case ${{COMP_WORDS[1]-}} in
        {}) [[ $COMP_CWORD -eq 1 ]] || verb=${{COMP_WORDS[1]}} ;;
    esac
    case $verb:$before in
{}    esac
    if [[ $words == FILE ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    if [[ -z $free ]]; then
        case $verb in
{}        esac
        if [[ $cur != -* ]]; then
            words=''
            [[ $COMP_CWORD -gt 1 ]] || words='{}'
            [[ $verb != list || $COMP_CWORD -lt 2 ]] || words='{}'
        fi
    fi
    if [[ $COMP_CWORD -gt 1 ]]; then
        case ${{COMP_WORDS[1]}} in
            help) words='{}' ;;&
            completions) words='{}' ;;&
            manual) words='' ;;&
            help|completions|manual) [[ $COMP_CWORD -eq 2 ]] || words='' ;;
        esac
    fi
    if [[ -n $many && $cur == *,* ]]; then
        given=${{cur%,*}},
        for word in $words; do
            [[ ,$given == *,$word,* ]] || left+=" $word"
        done
        words=$left cur=${{cur##*,}}
    fi
    mapfile -t COMPREPLY < <(compgen -P "$given" -W "$words" -- "$cur")
    [[ ${{COMPREPLY[0]-}} != *: ]] || compopt -o nospace 2>/dev/null
}}
complete -F _nmi_sim nmi-sim
)",
                       default_verb().name, fmt::join(verbs, "|"), values, options, fmt::join(verbs, " "),
                       fmt::join(topics, " "), fmt::join(helped, " "), shells);
}

} // namespace nmisim::cli
