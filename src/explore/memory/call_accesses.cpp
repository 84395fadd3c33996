// SPDX-License-Identifier: MIT
#include "explore/memory/call_accesses.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

byte_range bytes(long address, long size) noexcept
{
    return {static_cast<std::uintptr_t>(address), static_cast<std::size_t>(size)};
}

// The other operations write to a word, or read a second one.
bool only_waits_or_wakes(long operation) noexcept
{
    const long command = operation & FUTEX_CMD_MASK;
    return command == FUTEX_WAIT || command == FUTEX_WAKE || command == FUTEX_WAIT_BITSET ||
           command == FUTEX_WAKE_BITSET;
}

} // namespace

call_accesses accesses_of(const arch::system_call& call) noexcept
{
    call_accesses a;
    switch (call.nr) {
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getcpu: a.empties_buffer = false; return a;
    case SYS_membarrier: a.empties_all = true; return a;
    // What they touch is the caller's own.
    case SYS_rt_sigprocmask:
    case SYS_sched_yield:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_clock_gettime:
    case SYS_rt_sigreturn:
    case SYS_sigaltstack:
    case SYS_restart_syscall: return a;
    case SYS_tgkill:
        a.known = call.arg[1] == arch::raw_system_call(SYS_gettid);
        return a;   // a handler runs there
    case SYS_futex: // the word, and the queue of those who wait
        a.known = only_waits_or_wakes(call.arg[1]);
        a.touches_kernel = true;
        a.read = bytes(call.arg[0], sizeof(std::uint32_t));
        return a;
    case SYS_read:
        a.touches_kernel = true;
        a.written = bytes(call.arg[1], call.arg[2]);
        return a;
    case SYS_write:
        a.touches_kernel = true;
        a.read = bytes(call.arg[1], call.arg[2]);
        return a;
    default:
        a.known = arch::polls(call.nr) && call.arg[1] == 0; // a sleep: liburcu waits like that
        a.touches_kernel = !a.known;
        return a;
    }
}

} // namespace nmisim::explore
