// SPDX-License-Identifier: MIT
//
// What this system allows: looked at before a run, so that a run does not fail half-way.
#pragma once

#include <cstdint>

namespace nmisim {

/// The kernel's queue of pending signals: one per *user*, shared by all of the user's processes.
struct signal_queue {
    std::uint64_t used = 0;
    std::uint64_t limit = 0; ///< RLIMIT_SIGPENDING; UINT64_MAX: unlimited
};

/// Context: control. Errors: none; zeros where /proc cannot be read.
signal_queue read_signal_queue() noexcept;

/// Files that this process may still open (RLIMIT_NOFILE). Context: control. Errors: none; UINT64_MAX if there is no
/// limit or it is not known.
std::uint64_t free_file_descriptors();

/// Linux CPUs this process may run on. Context: control.
int allowed_cpus() noexcept;

} // namespace nmisim
