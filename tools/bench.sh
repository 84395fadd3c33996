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
Usage: tools/bench.sh [--quick] [--no-install] [--out DIR] [--filter REGEX] [--repetitions N]

Builds nmi-sim-bench in build-bench/ (g++, -O2), runs every group of benchmarks in repetitions that are shuffled among
each other, and ends with a line for each question: our number, the best peer's, ratio, verdict. Before and after each group
it looks what bare code costs; a group during which that changed is repeated, at most twice, and said to be disturbed.
Then it measures what nmi-sim exec costs other programs, beside strace and perf where they are installed.
Writes to DIR (default: bench-results):
  bench.json   every figure, with machine, versions and the machine's state (Google Benchmark's format)
  bench.md     the tables: median, and the quartiles of the repetitions
  bench.svg    the picture
  exec.json    what exec costs; exec.txt has all of it
  verdict.md   the questions and verdicts

  --quick         fewer repetitions and sizes
  --out DIR       another folder
  --filter REGEX  only benchmarks whose name matches, such as '^dispatcher/'; '^exec/' is what exec costs
  --repetitions N of each benchmark; without it 7, with --quick 5
  --no-install    install nothing; what is needed is there
  --help          this text

Figures are good on a machine that has nothing else to do. Exit code: 0, or 1 if a benchmark failed; 2 wrong usage;
77 a package is missing.
END
}

repetitions=7 asked='' rounds=5 filter=. out=bench-results install=yes
while [[ $# -gt 0 ]]; do
    case $1 in
    --help | -h) usage; exit ;;
    --quick) repetitions=5 rounds=3 filter='^(exec|dispatcher|read-pair|self|self-paired|ping-pong|exactly-once|explore|cost|library)/|^saturation/(memb|nmi)/latch/|^writer/(memb|mb|nmi)/busy 1/idle (8|512)/|^scale/.*/(1|64)/' ;;
    --no-install) install=no ;;
    --out | --filter | --repetitions)
        [[ $# -ge 2 ]] || { say "bench.sh: $1 needs a value"; exit 2; }
        case $1 in
        --out) out=$2 ;;
        --filter) filter=$2 ;;
        --repetitions) asked=$2 ;;
        esac
        shift
        ;;
    *) say "bench.sh: unknown argument $1"; usage >&2; exit 2 ;;
    esac
    shift
done

if [[ -n $asked ]]; then
    [[ $asked =~ ^[1-9][0-9]{0,3}$ ]] || { say "bench.sh: --repetitions $asked: a number from 1 to 9999 is wanted"; exit 2; }
    repetitions=$asked
fi
[[ $install == no ]] || install_packages "${build_packages[@]}" "${test_packages[@]}"
out=$(realpath -m "$out")
cd "$here/.." || exit 1
[[ -e build-bench/build.ninja ]] || CXX=${CXX:-g++} meson setup build-bench >/dev/null || exit 1
fixtures=(exec-fixture exec-fixture-static exec-profiled exec-profiled-leaf)
programs=(tests/bench/nmi-sim-bench src/cli/nmi-sim "${fixtures[@]/#/tests/exec/}")
ninja -C build-bench "${programs[@]}" >/dev/null || die "the build failed: ninja -C build-bench ${programs[*]}"
mkdir -p "$out" || exit 1
say "bench.sh: $repetitions repetitions, load $(cut -d' ' -f1 /proc/loadavg) before the start"
figures=()
if [[ $filter != ^exec/ ]]; then
    python3 tests/bench/run.py build-bench/tests/bench/nmi-sim-bench --repetitions "$repetitions" --filter "$filter" --out "$out/bench.json" ||
        die "the benchmarks failed"
    python3 tests/bench/report.py "$out/bench.json" --markdown "$out/bench.md" --page "$out/page.json" || exit 1
    build-bench/src/cli/nmi-sim page "$out/page.json" --output "$out/bench.svg" || exit 1
    rm -f "$out/page.json"
    cat "$out/bench.md"
    figures+=("$out/bench.json")
fi
if [[ exec/ =~ $filter ]]; then
    say "bench.sh: exec"
    python3 tests/exec/costs.py --program build-bench/src/cli/nmi-sim --fixture build-bench/tests/exec/exec-fixture \
        --static build-bench/tests/exec/exec-fixture-static --profiled build-bench/tests/exec/exec-profiled \
        --profiled-leaf build-bench/tests/exec/exec-profiled-leaf --rounds "$rounds" --questions "$out/exec.json" | tee "$out/exec.txt"
    [[ ${PIPESTATUS[0]} -eq 0 ]] || die "what exec costs could not be measured"
    figures+=("$out/exec.json")
fi
python3 tests/bench/verdict.py "${figures[@]}" --markdown "$out/verdict.md" || exit 1
say "bench.sh: figures, tables and picture are in $out"
