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
configure build g++ -Dtests=false || die "could not configure, see above"
ninja -C build --quiet src/cli/nmi-sim >&2 || die "could not build, see above"
say "Built in $((SECONDS - begin)) s."

program=build/src/cli/nmi-sim
[[ -x $program ]] || die "the build made no $program"
[[ $run == yes ]] || exit 0
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
fi
exit "$status"
