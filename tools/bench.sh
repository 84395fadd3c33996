#!/bin/bash
# SPDX-License-Identifier: MIT
#
# All benchmarks with one command: builds, runs, and writes figures as JSON, tables and a picture.
set -uo pipefail

unset CDPATH
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=packages.sh
source "$here/packages.sh" || exit 1

usage()
{
    cat <<'END'
Usage: tools/bench.sh [--quick] [--no-install] [--out DIR] [--filter REGEX]

Builds nmi-sim-bench in build-bench/ (g++, -O2), runs every group of benchmarks in repetitions that are shuffled among
each other, and ends with ten lines: question, our number, the best peer's, ratio, verdict. Before and after each group
it looks what bare code costs; a group during which that changed is repeated, at most twice, and said to be disturbed.
Writes to DIR (default: bench-results):
  bench.json   every figure, with machine, versions and the machine's state (Google Benchmark's format)
  bench.md     the tables: median, and the quartiles of the repetitions
  bench.svg    the picture
  verdict.md   the ten lines

  --quick         fewer repetitions and sizes
  --out DIR       another folder
  --filter REGEX  only benchmarks whose name matches, such as '^dispatcher/'
  --no-install    install nothing; what is needed is there
  --help          this text

Figures are good on a machine that has nothing else to do. Exit code: 0, or 1 if a benchmark failed; 2 wrong usage;
77 a package is missing.
END
}

repetitions=7 filter=. out=bench-results install=yes
while [[ $# -gt 0 ]]; do
    case $1 in
    --help | -h) usage; exit ;;
    --quick) repetitions=5 filter='^(dispatcher|read-pair|self|self-paired|ping-pong|exactly-once|explore|cost|library)/|^saturation/(memb|nmi)/latch/|^writer/(memb|mb|nmi)/busy 1/idle (8|512)/|^scale/.*/(1|64)/' ;;
    --no-install) install=no ;;
    --out | --filter)
        [[ $# -ge 2 ]] || { say "bench.sh: $1 needs a value"; exit 2; }
        [[ $1 == --out ]] && out=$2 || filter=$2
        shift
        ;;
    *) say "bench.sh: unknown argument $1"; usage >&2; exit 2 ;;
    esac
    shift
done

[[ $install == no ]] || install_packages "${build_packages[@]}" "${test_packages[@]}"
out=$(realpath -m "$out")
cd "$here/.." || exit 1
[[ -e build-bench/build.ninja ]] || CXX=${CXX:-g++} meson setup build-bench >/dev/null || exit 1
programs=(tests/bench/nmi-sim-bench src/cli/nmi-sim)
ninja -C build-bench "${programs[@]}" >/dev/null || die "the build failed: ninja -C build-bench ${programs[*]}"
mkdir -p "$out" || exit 1
say "bench.sh: $repetitions repetitions, load $(cut -d' ' -f1 /proc/loadavg) before the start"
python3 tests/bench/run.py build-bench/tests/bench/nmi-sim-bench --repetitions "$repetitions" --filter "$filter" --out "$out/bench.json" ||
    die "the benchmarks failed"
python3 tests/bench/report.py "$out/bench.json" --markdown "$out/bench.md" --page "$out/page.json" || exit 1
build-bench/src/cli/nmi-sim page "$out/page.json" --output "$out/bench.svg" || exit 1
rm -f "$out/page.json"
cat "$out/bench.md"
python3 tests/bench/verdict.py "$out/bench.json" --markdown "$out/verdict.md" || exit 1
say "bench.sh: figures in $out/bench.json, tables in bench.md, picture in bench.svg"
