// SPDX-License-Identifier: MIT
//
// What an NMI does to the system call that it meets, as the kernel's registers tell at the delivery: -512 to -516 are the
// kernel's own codes (ERESTARTSYS and its like), which the program never sees.
//
//   -512 ERESTARTSYS             restarted if the handler has SA_RESTART, else EINTR
//   -513 ERESTARTNOINTR          always restarted
//   -514 ERESTARTNOHAND          EINTR
//   -516 ERESTART_RESTARTBLOCK   EINTR
//   -4   EINTR                   already, whatever the handler is like: epoll_wait, semop
//   0 and more                   done; or short, where fewer bytes came than were asked for, and waiting would have brought more
#pragma once

#include "exec/trace/arch.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace nmisim::exec {

enum class interruption { none, restarted, eintr, short_count, done };
std::string_view name_of(interruption i) noexcept;

/// Without short_count: that takes a look at the file.
interruption interruption_of(const interrupted& at, bool restart) noexcept;

/// A call that has moved fewer bytes than it was asked to, and would have gone on without the signal.
struct short_transfer {
    std::uint64_t moved;
    std::uint64_t asked;
    std::string file;
};
/// Short *reads* are ordinary where data comes when it comes (pipe, socket, terminal), and at the end of a file, which its
/// size does not tell (sysfs); from a device that never runs dry they are not. A short write to a blocking descriptor never is.
std::optional<short_transfer> short_transfer_of(pid_t pid, const interrupted& at);

} // namespace nmisim::exec
