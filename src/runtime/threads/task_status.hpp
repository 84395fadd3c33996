// SPDX-License-Identifier: MIT
//
// What the kernel tells of a thread of this process in /proc/self/task. Context: control.
#pragma once

#include <sys/types.h>

namespace nmisim::runtime {

/// SigBlk of a thread.
bool blocks_signal(pid_t tid, int signo) noexcept;
/// A main thread that called pthread_exit() stays until the process ends: it can be named, and does nothing any more.
bool is_zombie(pid_t tid) noexcept;

} // namespace nmisim::runtime
