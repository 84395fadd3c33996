# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What stage aarch64 of test.sh needs. The cross compiler and qemu-user are packages of this system. The libraries are those
# of Debian's arm64, in a folder of their own: apt is asked there with lists, cache and state of its own, as if nothing were
# installed, and packages are unpacked and not installed. The system does not get another architecture. Sourced.

# What the compiler brings itself is left out: its headers and its C library would be there twice.
arm64_packages=(
    liburcu-dev libboost-program-options-dev libfmt-dev nlohmann-json3-dev libdw-dev libcapstone-dev libunwind-dev
    catch2 relacy-dev libsqlite3-dev libuv1-dev libzstd-dev
)
of_the_compiler='^(libc6-dev|linux-libc-dev|libc-dev-bin|libcrypt-dev|libnsl-dev|libtirpc-dev|rpcsvc-proto|libstdc[+][+]-.*-dev|libgcc-.*-dev|gcc-.*|cpp-.*|g[+][+]-.*|binutils.*)_'

# arm64_apt FOLDER WORD...: apt-get in the folder.
arm64_apt()
{
    local root=$1
    shift
    apt-get -q -y -o Acquire::Retries=3 -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User= \
        -o Dir::State="$root/state" -o Dir::State::status="$root/status" -o Dir::Cache="$root/cache" -o Debug::NoLocking=1 \
        -o APT::Install-Recommends=false "$@"
}

# prepare_aarch64 FOLDER yes|no: fills the folder; false with skipped_because.
# shellcheck disable=SC2034 # the script that sources this tells why
prepare_aarch64()
{
    local root log package
    if [[ $2 == yes ]]; then
        install_packages g++-aarch64-linux-gnu qemu-user
    fi
    mkdir -p "$1" || exit 1
    root=$(cd "$1" && pwd)
    for package in aarch64-linux-gnu-g++ qemu-aarch64 apt-get dpkg-deb; do
        command -v "$package" >/dev/null || { skipped_because="$package is missing"; return 1; }
    done
    if [[ $(cat "$root/filled-with" 2>/dev/null) != "${arm64_packages[*]}" ]]; then
        [[ $2 == yes ]] || { skipped_because="the libraries for arm64 are missing, and --no-install was given"; return 1; }
        rm -rf "$root"
        mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$root/files"
        : >"$root/status"
        log=$root/apt.log
        say "Downloading libraries for arm64 into $1"
        if ! { arm64_apt "$root" update && arm64_apt "$root" install --download-only "${arm64_packages[@]}"; } >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            skipped_because="the libraries for arm64 could not be downloaded, see $log"
            return 1
        fi
        for package in "$root"/cache/archives/*.deb; do
            [[ $(basename "$package") =~ $of_the_compiler ]] || dpkg-deb -x "$package" "$root/files" || exit 1
        done
        rm -rf "$root/cache" "$root/state"
        echo "${arm64_packages[*]}" >"$root/filled-with"
    fi
    write_cross_file "$root" >"$root/cross.ini"
}

# For Meson. Libraries of Debian's arm64 come before those that the compiler brought.
write_cross_file()
{
    local files=$1/files multiarch=$1/files/usr/lib/aarch64-linux-gnu cache=
    ! command -v ccache >/dev/null || cache="'ccache', "
    cat <<END
[binaries]
c = [$cache'aarch64-linux-gnu-gcc']
cpp = [$cache'aarch64-linux-gnu-g++']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
pkg-config = 'pkg-config'
exe_wrapper = ['$PWD/tools/under_qemu.sh', '$files']

[properties]
needs_exe_wrapper = true
sys_root = '$files'
pkg_config_libdir = ['$multiarch/pkgconfig', '$files/usr/share/pkgconfig']
boost_includedir = '$files/usr/include'
boost_librarydir = '$multiarch'

[built-in options]
c_args = ['-isystem', '$files/usr/include']
cpp_args = ['-isystem', '$files/usr/include', '-isystem', '$files/usr/include/aarch64-linux-gnu']
cpp_link_args = ['-L$multiarch', '-Wl,-rpath-link,$multiarch', '-Wl,-rpath-link,$files/lib/aarch64-linux-gnu']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
}
