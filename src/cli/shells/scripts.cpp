// SPDX-License-Identifier: MIT
//
// One script for each shell. Each asks the program that is on the command line.
#include "cli/shells/completions.hpp"

namespace nmisim::cli {

namespace {

constexpr shell shells[] = {
    {"bash", R"(# bash completion for nmi-sim, written by 'nmi-sim completions bash'.

_nmi_sim()
{
    local lines
    mapfile -t lines < <("${COMP_WORDS[0]}" completions for "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ ${lines[0]-} == :file ]]; then
        compopt -o filenames 2>/dev/null
        local typed=${COMP_WORDS[COMP_CWORD]}
        mapfile -t COMPREPLY < <(compgen -f -- "${typed#=}")
        return
    fi
    COMPREPLY=("${lines[@]%%$'\t'*}")
    [[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null
}
complete -F _nmi_sim nmi-sim
)"},
    {"zsh", R"(#compdef nmi-sim
# zsh completion for nmi-sim, written by 'nmi-sim completions zsh'.

_nmi-sim()
{
    local line
    local -a lines described
    lines=("${(@f)$("${words[1]}" completions for "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${lines[1]} == :file ]]; then
        _files
        return
    fi
    for line in $lines; do
        described+=("${${line%%$'\t'*}//:/\\:}${${line#*$'\t'}:+:${line#*$'\t'}}")
    done
    _describe 'nmi-sim' described
}
if [[ $funcstack[1] == _nmi-sim ]]; then
    _nmi-sim "$@"
else
    compdef _nmi-sim nmi-sim
fi
)"},
    {"fish", R"(# fish completion for nmi-sim, written by 'nmi-sim completions fish'.

function __nmi_sim_candidates
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] completions for $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = :file
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $lines
    end
end
complete -c nmi-sim -f -a '(__nmi_sim_candidates)'
)"},
};

} // namespace

std::span<const shell> all_shells() noexcept
{
    return shells;
}

} // namespace nmisim::cli
