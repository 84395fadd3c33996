# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What quickstart.sh and test.sh share: the Debian packages that nmi-sim needs, and how to get them. Sourced.
#
# Only what is missing is installed, as root or through sudo. Otherwise the command to type is printed, and the exit
# code is 77.

# shellcheck disable=SC2034 # used by the scripts that source this
build_packages=(
    g++ meson ninja-build pkg-config
    liburcu-dev                  # RCU
    libboost-program-options-dev # the command line
    libfmt-dev                   # reports
    nlohmann-json3-dev           # JSON
    libdw-dev libcapstone-dev    # symbols and disassembly in `explore`
    libunwind-dev                # backtraces of stalled vCPUs
)
# shellcheck disable=SC2034
test_packages=(
    systemtap-sdt-dev       # USDT probes
    chromium                # the pages, in a browser
    catch2                  # the C++ tests
    python3-jsonschema      # real output against its JSON schema
    clang                   # second compiler
    clang-format clang-tidy shellcheck # lint
    libbenchmark-dev        # tests/bench
    libck-dev               # tests/bench: Concurrency Kit's epochs, for comparison
    relacy-dev              # tests/model
    libsqlite3-dev libuv1-dev libzstd-dev # tests/runtime: programs that are sampled
    scdoc mandoc            # the manual page
    cmake fish zsh          # tests/package
    dpkg-dev                # tells Meson the library folder that CMake looks into
)

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    say "$(basename "$0"): $*"
    exit 1
}

missing_packages()
{
    local package
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

# Installs those of the packages "$@" that are missing, or ends the script.
install_packages()
{
    local missing as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "$(basename "$0"): this is no Debian or Ubuntu. Install what these packages hold, then use --no-install:"
        say "  $*"
        exit 77
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [[ ${#missing[@]} -eq 0 ]]; then
        return
    fi
    if [[ $(id -u) -ne 0 ]]; then
        # Without a terminal sudo cannot ask for a password.
        if ! command -v sudo >/dev/null || { ! [[ -t 0 && -t 2 ]] && ! sudo -n true 2>/dev/null; }; then
            say "$(basename "$0"): ${#missing[@]} packages are missing, and only root can install them. Type this as root:"
            say ""
            say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
            say ""
            exit 77
        fi
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    local get=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
    local log begin downloaded
    log=$(mktemp)
    begin=$SECONDS
    say "Installing ${missing[*]}"
    # The lists of a bare system are empty, and those of an old one name files that are gone: then, and only then, update.
    if ! "${get[@]}" --download-only >"$log" 2>&1 </dev/null; then
        { "${apt[@]}" update && "${get[@]}" --download-only; } >"$log" 2>&1 </dev/null || apt_failed "$log"
    fi
    downloaded=$SECONDS
    "${get[@]}" >"$log" 2>&1 </dev/null || apt_failed "$log"
    say "Downloaded in $((downloaded - begin)) s, installed in $((SECONDS - downloaded)) s."
    rm -f "$log"
}

apt_failed()
{
    tail -n 30 "$1" >&2
    rm -f "$1"
    die "apt-get failed, see above"
}

# linker_for COMPILER [MESON OPTION...]: links take a tenth of a build, and half of that with gold. With sanitizers, with
# another compiler and for another architecture it is the system's.
linker_for()
{
    [[ $1 != g++ || $* == *sanitize* || $* == *--cross-file* ]] || ! command -v ld.gold >/dev/null || echo gold
}

# configure FOLDER COMPILER [MESON OPTION...]: sets the build folder up, unless it is as it should be. From the root.
configure()
{
    local folder=$1 compiler=$2 linker wanted output
    shift 2
    linker=$(linker_for "$compiler" "$@")
    wanted="$PWD $(meson --version) $compiler $linker $*"
    if [[ -f $folder/build.ninja && $(cat "$folder/configured-as" 2>/dev/null) == "$wanted" ]]; then
        return # ninja notices what has changed in meson.build
    fi
    # New, half made, or made from another place or with other options.
    if [[ -f $folder/configured-as ]]; then
        rm -rf "$folder"
    elif [[ -d $folder/meson-private ]]; then
        say "$PWD/$folder: somebody else's build folder; it is not replaced: move or remove it"
        return 1
    fi
    mkdir -p "$folder" && echo "half made" >"$folder/configured-as" || return 1
    output=$(CXX=$compiler CXX_LD=$linker meson setup "$@" "$folder" . 2>&1) || {
        say "$output"
        return 1
    }
    echo "$wanted" >"$folder/configured-as"
}
