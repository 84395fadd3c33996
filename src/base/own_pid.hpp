// SPDX-License-Identifier: MIT
//
// The process's id without a system call: each swap asks whether it runs in a forked child, where waiting for a
// grace period would never end, and getpid(2) costs as much as a short grace period does. The id stands on a page
// that a child gets zeroed (MADV_WIPEONFORK), so that fork(), _Fork() and a bare clone(2) are all noticed; a child
// of vfork() shares its parent's memory and looks like its parent.
#pragma once

#include <sys/types.h>

namespace nmisim {

/// Context: any. What getpid() returns; asks the kernel for as long as nobody kept it.
pid_t own_pid() noexcept;

/// Makes own_pid() cheap. Where the kernel has no MADV_WIPEONFORK (before Linux 4.14) or no page is to be had,
/// own_pid() goes on asking it. Context: control.
void keep_own_pid() noexcept;

} // namespace nmisim
