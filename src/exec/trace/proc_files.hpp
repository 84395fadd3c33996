// SPDX-License-Identifier: MIT
//
// What /proc tells about a traced process. All of it may be gone meanwhile: an empty answer is no error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace nmisim::exec {

bool is_thread_of(pid_t tgid, pid_t tid);
/// In its status, behind a name like "Threads:"; 0 where it is gone.
std::uint64_t number_in_status(pid_t tid, std::string_view name, int base = 10);
/// Whether the thread has the signal in its mask.
bool blocks(pid_t tid, int signal);
/// Whether one was sent to the thread that it has not taken.
bool is_pending(pid_t tid, int signal);
/// Whether its process has a handler of its own for the signal.
bool catches(pid_t tid, int signal);
/// 'S' asleep, 'R' running, 't' stopped; 0 where it is gone.
char state_of(pid_t tid);
/// Who has borne the process, or who took it over; 0 where it is gone.
pid_t parent_of(pid_t pid);
/// Where its program lies.
std::string exe_of(pid_t pid);

/// Where it starts once the loader has finished; 0: not known.
std::uintptr_t entry_of(pid_t pid);

/// What its descriptor `fd` is.
struct open_file {
    std::string name;     ///< a path, or "pipe:[123]"
    bool endless = false; ///< a device that never runs dry: /dev/zero, /dev/urandom
    bool blocking = false;
};
open_file file_of(pid_t pid, std::uint64_t fd);

/// "what: No such process", by errno.
std::string errno_text(std::string_view what);

} // namespace nmisim::exec
