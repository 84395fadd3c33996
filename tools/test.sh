#!/bin/bash
# SPDX-License-Identifier: MIT
#
# All tests from a bare Debian 12: installs what is missing, builds, tests, counts. What CI runs.
set -uo pipefail

unset CDPATH
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=packages.sh
source "$here/packages.sh" || exit 1
# shellcheck source=aarch64.sh
source "$here/aarch64.sh" || exit 1

usage()
{
    cat <<'END'
Usage: tools/test.sh [--full] [--no-install] [STAGE...]

Installs the Debian packages that are missing (as root or through sudo; otherwise prints the line to type and exits
with 77), builds with warnings as errors and runs the tests. The last line counts them.

Stages:
  gcc     g++, every suite: unit race fault explore exec model runtime cli browser stress package lint
  tidy    clang-tidy on that build
  clang   clang++, suites unit, race, explore, runtime and package
  asan    g++ with AddressSanitizer and UndefinedBehaviorSanitizer, every suite but lint
  tsan    g++ with ThreadSanitizer, suite tsan
  aarch64 Debian's cross compiler, under qemu-user: the programs of suites unit, race, model, explore and runtime

  --full        every stage but aarch64; without it: gcc
  --no-install  install nothing; what is needed is there
  --help        this text

Exit code: 0 every test passed or was skipped with its reason told; 1 not; 77 a package is missing.
END
}

stages=() install=yes
while [[ $# -gt 0 ]]; do
    case $1 in
    --help | -h) usage; exit ;;
    --full) stages=(gcc tidy clang asan tsan) ;;
    --no-install) install=no ;;
    gcc | tidy | clang | asan | tsan | aarch64) stages+=("$1") ;;
    *) say "test.sh: unknown argument $1"; usage >&2; exit 2 ;;
    esac
    shift
done
[[ ${#stages[@]} -gt 0 ]] || stages=(gcc)

cd "$here/.." || exit 1
[[ $install == no ]] || install_packages "${build_packages[@]}" "${test_packages[@]}"
# python3-jsonschema and its like belong to the distribution's python3, whatever else is in PATH.
export PATH=/usr/bin:/bin:$PATH

# LeakSanitizer stops the program's threads with ptrace, which some containers forbid.
leak_detection()
{
    local probe works=0
    probe=$(mktemp -d)
    echo 'int main() {}' >"$probe/probe.cpp"
    if g++ -fsanitize=address -o "$probe/probe" "$probe/probe.cpp" && ASAN_OPTIONS=detect_leaks=1 "$probe/probe" 2>/dev/null; then
        works=1
    else
        say "asan: LeakSanitizer does not work here; leaks are not looked for"
    fi
    rm -rf "$probe"
    echo "$works"
}

results=()

for_gcc=(-Dbenchmarks=disabled -Dbatch=40) # stages gcc and tidy share a build; benchmarks are built where every compiler is asked

# stage NAME FOLDER COMPILER "MESON TEST ARGUMENTS" "SUITES" [MESON OPTION...]; builds ${targets[@]}, or all. Each of the
# suites must have a test: one whose library was not found is not built, and would be missed by nobody.
targets=()
stage()
{
    local name=$1 folder=$2 compiler=$3 arguments log=$2/meson-logs/$1.json begin=$SECONDS built status=0
    read -ra arguments <<<"$4"
    results+=("$name=$log" --expect "$name=${5// /,}")
    shift 5
    say "== $name"
    rm -f "$log" # so that no old result is counted when this build fails
    if ! configure "$folder" "$compiler" -Dwerror=true "$@" || ! ninja -C "$folder" --quiet "${targets[@]}" >&2; then
        say "$name: did not build; counted as one failed test"
        return
    fi
    built=$SECONDS
    meson test -C "$folder" --no-rebuild --print-errorlogs --logbase "$name" "${arguments[@]}" </dev/null || status=$?
    results+=(--status "$name=$status")
    say "$name: built in $((built - begin)) s, tested in $((SECONDS - built)) s"
}

for name in "${stages[@]}"; do
    case $name in
    gcc) stage gcc build-gcc g++ "" "unit race fault explore exec cli model runtime browser stress package lint" "${for_gcc[@]}" ;;
    tidy) stage tidy build-gcc g++ "--suite tidy" "tidy" "${for_gcc[@]}" ;;
    clang) stage clang build-clang clang++ "--suite unit --suite race --suite explore --suite runtime --suite package" "unit race explore runtime package" -Dbatch=1 ;; # each file includes what it uses
    asan)
        leaks=$(leak_detection)
        export ASAN_OPTIONS=detect_leaks=$leaks:detect_stack_use_after_return=1:strict_string_checks=1
        export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
        stage asan build-asan g++ "--timeout-multiplier 3 --no-suite lint" "unit race fault explore exec runtime cli browser stress package" -Db_sanitize=address,undefined -Doptimization=1 -Dbatch=40
        ;;
    tsan)
        targets=(src/cli/nmi-sim) # all that its suite takes
        stage tsan build-tsan g++ "--suite tsan" "tsan" -Db_sanitize=thread -Doptimization=1 -Dlibrary=false
        targets=()
        ;;
    aarch64)
        prepare_aarch64 build-aarch64-libraries "$install" || { say "aarch64: skipped: $skipped_because"; continue; }
        suites="unit race model explore runtime"
        cross=(-Dbenchmarks=disabled -Dlibrary=false -Dusdt=disabled -Dman=disabled --cross-file build-aarch64-libraries/cross.ini)
        if configure build-aarch64 g++ -Dwerror=true "${cross[@]}"; then # what these suites take
            # shellcheck disable=SC2086 # several suites
            mapfile -t targets < <(python3 tools/suite_targets.py build-aarch64 $suites)
        fi
        stage aarch64 build-aarch64 g++ "--timeout-multiplier 10 --suite ${suites// / --suite }" "$suites" "${cross[@]}"
        targets=()
        ;;
    esac
done
[[ ${#results[@]} -gt 0 ]] || exit 77
python3 tools/count_tests.py "${results[@]}"
