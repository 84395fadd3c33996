// SPDX-License-Identifier: MIT
//
// The process's id without a system call. Each swap asks whether it runs in a forked child, where waiting for a grace
// period would never end; getpid(2) would cost as much as a short grace period. The id is kept on a page that the
// kernel zeroes in a child (MADV_WIPEONFORK), so fork(), _Fork() and a bare clone(2) are all noticed. A child of
// vfork() shares its parent's memory and looks like its parent.
#pragma once

#include <atomic>
#include <sys/types.h>

namespace nmisim {

namespace detail {
extern std::atomic<std::atomic<pid_t>*> kept_pid; ///< on that page; null: nobody kept it
pid_t own_pid_from_kernel() noexcept;
} // namespace detail

/// Context: any. What getpid() returns; asks the kernel for as long as nobody kept it.
inline pid_t own_pid() noexcept
{
    // (1) acquire: the page's first word; pairs with keep_own_pid.cpp(1)
    if (const std::atomic<pid_t>* word = detail::kept_pid.load(std::memory_order_acquire); word != nullptr)
        if (const pid_t pid = word->load(std::memory_order_relaxed);
            pid != 0) // each thread would store the same
            return pid;
    return detail::own_pid_from_kernel();
}

/// Makes own_pid() cheap. If the kernel has no MADV_WIPEONFORK (before Linux 4.14) or gives no page, own_pid() still
/// makes a system call each time. Context: control.
void keep_own_pid() noexcept;

} // namespace nmisim
