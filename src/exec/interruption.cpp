// SPDX-License-Identifier: MIT
#include "exec/interruption.hpp"

#include "exec/trace/proc_files.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>

namespace nmisim::exec {

namespace {

constexpr long restart_sys = -512;
constexpr long restart_no_intr = -513;
constexpr long restart_no_hand = -514;
constexpr long restart_block = -516;
constexpr long interrupted_call = -4;

struct transfer {
    long call;
    int fd;    ///< argument with the descriptor; -1: none, it is the kernel that never runs dry
    int count; ///< argument with the bytes asked for
    bool all;  ///< moves all of it, if its descriptor blocks
};
constexpr transfer transfers[] = {
    {SYS_read, 0, 2, false},    {SYS_pread64, 0, 2, false},    {SYS_write, 0, 2, true},
    {SYS_pwrite64, 0, 2, true}, {SYS_getrandom, -1, 1, false}, {SYS_sendto, 0, 2, true},
    {SYS_sendfile, 0, 3, true}, {SYS_recvfrom, 0, 2, true},
};

} // namespace

std::string_view name_of(interruption i) noexcept
{
    switch (i) {
    case interruption::none: return "none";
    case interruption::restarted: return "restarted";
    case interruption::eintr: return "EINTR";
    case interruption::short_count: return "short";
    case interruption::done: return "done";
    }
    return "?";
}

interruption interruption_of(const interrupted& at, bool restart) noexcept
{
    if (at.call < 0)
        return interruption::none;
    switch (at.result) {
    case restart_sys: return restart ? interruption::restarted : interruption::eintr;
    case restart_no_intr: return interruption::restarted;
    case restart_no_hand:
    case restart_block:
    case interrupted_call: return interruption::eintr;
    default: return interruption::done;
    }
}

std::optional<short_transfer> short_transfer_of(pid_t pid, const interrupted& at)
{
    for (const transfer& t : transfers) {
        if (t.call != at.call || (t.call == SYS_recvfrom && (at.arg[3] & MSG_WAITALL) == 0))
            continue;
        const std::uint64_t asked = at.arg[static_cast<std::size_t>(t.count)];
        if (at.result <= 0 || static_cast<std::uint64_t>(at.result) >= asked)
            return std::nullopt;
        const short_transfer s{static_cast<std::uint64_t>(at.result), asked, "the kernel"};
        if (t.fd < 0)
            return s;
        const open_file file = file_of(pid, at.arg[static_cast<std::size_t>(t.fd)]);
        if (t.all ? !file.blocking : !file.endless)
            return std::nullopt;
        return short_transfer{s.moved, s.asked, file.name};
    }
    return std::nullopt;
}

} // namespace nmisim::exec
