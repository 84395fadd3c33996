#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Debian packages of what is committed, into build-deb: the program, libnmisim, the simulator's libraries, each with what
# developers need in a package of its own. package/debian says what goes where; Debian wants it at the top of the tree, so
# a copy of the tree is made and built.
set -euo pipefail

unset CDPATH
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=packages.sh
source "$here/packages.sh" || exit 1

usage()
{
    cat <<'END'
Usage: tools/package.sh [--no-install] [--folder FOLDER]

Makes Debian packages of the last commit, and looks at them with lintian.

  --no-install     install nothing; what is needed is there
  --folder FOLDER  where the packages go; build-deb if not given

Exit code: 0 made, and lintian says nothing; 1 not; 77 a package is missing.
END
}

install=yes folder=$here/../build-deb
while [[ $# -gt 0 ]]; do
    case $1 in
    --help | -h) usage; exit ;;
    --no-install) install=no ;;
    --folder) folder=${2:?--folder wants a folder}; shift ;;
    *) usage >&2; exit 1 ;;
    esac
    shift
done
cd "$here/.."
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [[ $install == yes ]]; then
    install_packages "${build_packages[@]}" systemtap-sdt-dev scdoc debhelper lintian git
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
version=$(sed -n "s/^  version: '\(.*\)',/\1/p;T;q" meson.build)
tree=$scratch/nmi-sim-$version
git archive --prefix="nmi-sim-$version/" HEAD | tar -x -C "$scratch"
tar -C "$scratch" -czf "$scratch/nmi-sim_$version.orig.tar.gz" "nmi-sim-$version"
cp -r "$tree/package/debian" "$tree/debian"

log=$folder/build.log
say "Building packages of nmi-sim $version; the log is $log"
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --jobs=auto) >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "dpkg-buildpackage failed, see above"
}
rm -f "$folder"/*.deb
cp "$scratch"/*.deb "$folder"
(cd "$folder" && sha256sum ./*.deb)
found=$(lintian --tag-display-limit 0 --allow-root --suppress-tags initial-upload-closes-no-bugs "$scratch"/*.changes) || true
if [[ -n $found ]]; then
    say "$found"
    die "lintian has findings, see above"
fi
say "lintian has no findings"
