#!/bin/bash
# SPDX-License-Identifier: MIT
#
# From a bare Debian 12 to a verdict: installs what is missing, builds, runs nmi-sim with its defaults.
set -euo pipefail

unset CDPATH
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=packages.sh
source "$here/packages.sh" || exit 1

usage()
{
    cat <<'END'
Usage: tools/quickstart.sh [--no-install] [--no-run] [NMI-SIM OPTION...]

Installs the Debian packages that are missing (as root or through sudo; otherwise prints the line to type and exits
with 77), builds nmi-sim in build/ and runs it, in the folder where you are. Options of nmi-sim are handed on:
tools/quickstart.sh --flavor qsbr

  --no-install  install nothing; what is needed is there
  --no-run      build only
  --help        this text; for the options of nmi-sim: tools/quickstart.sh help

Exit code: that of nmi-sim (0 pass, 3 a check failed); 1 could not build; 77 a package is missing.
END
}

# show_progress BEGIN: reads what ninja says, each step as "@ DONE ALL ...", and shows how far it is: redrawn on a terminal, elsewhere a line
# every ten seconds. What compilers say is handed on.
show_progress()
{
    local line ready all left text begin=$1 shown=$1 up=''
    while IFS= read -r line; do
        if [[ $line =~ ^@\ ([0-9]+)\ ([0-9]+)\  ]]; then
            ready=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}
            text="  $ready of $all files"
            if ((ready < all && ready > 2 && SECONDS - begin > 2)); then
                left=$(((SECONDS - begin) * (all - ready) / ready))
                text+=", about $left s to go"
            fi
            if [[ -t 2 ]]; then
                printf '\r\033[K%s' "$text" >&2
                up=yes
            elif ((ready == all || SECONDS - shown >= 10)); then
                say "$text"
                shown=$SECONDS
            fi
        elif [[ $line != "ninja: Entering directory "* && $line != "ninja: no work to do." ]]; then
            [[ -z $up ]] || printf '\n' >&2
            up=''
            say "$line"
        fi
    done
    [[ -z $up ]] || printf '\r\033[K' >&2
}

say_where_it_is()
{
    local folder=$PWD/build/src/cli
    [[ $(command -v nmi-sim) != "$folder/nmi-sim" ]] || return 0
    say ""
    say "To type nmi-sim instead of its path, in this shell:"
    say "  export PATH=$(printf '%q' "$folder"):\$PATH"
    say "or for everybody, with manual page and completions:"
    say "  sudo meson install -C $(printf '%q' "$PWD/build")"
}

install=yes run=yes
while [[ $# -gt 0 ]]; do
    case $1 in
    --help | -h) usage; exit ;;
    --no-install) install=no ;;
    --no-run) run=no ;;
    *) break ;;
    esac
    shift
done

caller=$PWD
cd "$here/.."
[[ $install == no ]] || install_packages "${build_packages[@]}"

begin=$SECONDS
say "Building in $PWD/build"
# For a debugger, line numbers only.
CXXFLAGS="${CXXFLAGS-} -g1" configure build g++ -Dtests=false -Dbatch=60 || die "could not configure, see above"
NINJA_STATUS='@ %f %t ' ninja -C build src/cli/nmi-sim 2>&1 | show_progress "$SECONDS" || die "could not build, see above"
say "Built in $((SECONDS - begin)) s."

program=build/src/cli/nmi-sim
[[ -x $program ]] || die "the build made no $program"
if [[ $run == no ]]; then
    say_where_it_is
    exit 0
fi
root=$PWD
# Files that its options name are the caller's.
[[ $caller -ef . ]] || program=$PWD/$program
cd "$caller"
say "Running $program $*"
say ""
status=0
"$program" "$@" || status=$?
if [[ $# -eq 0 && $status -eq 0 ]]; then
    say ""
    say "Next: $program --fault no-grace-period   leave one ingredient out and see it caught"
    say "      $program list                      what there is to leave out, to choose and to check"
    say "      $program exec -- timeout 0.5 tail -f README.md   any program under NMIs: this one does not survive them"
fi
cd "$root"
say_where_it_is
exit "$status"
