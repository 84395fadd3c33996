// SPDX-License-Identifier: MIT
//
// The process's id without a system call: each swap asks whether it runs in a forked child, where waiting for a
// grace period would never end, and getpid(2) costs as much as a short grace period does. The id stands on a page
// that a child gets zeroed (MADV_WIPEONFORK), so that fork(), _Fork() and a bare clone(2) are all noticed; a child
// of vfork() shares its parent's memory and looks like its parent.
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

/// Makes own_pid() cheap. Where the kernel has no MADV_WIPEONFORK (before Linux 4.14) or no page is to be had,
/// own_pid() goes on asking it. Context: control.
void keep_own_pid() noexcept;

} // namespace nmisim
