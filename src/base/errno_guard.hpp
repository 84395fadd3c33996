// SPDX-License-Identifier: MIT
//
// errno survives an NMI (invariant I8): the interrupted code may have made a failing system call and not yet read
// errno. The kernel has no errno; CR2, which exc_nmi saves for the same reason, is its counterpart.
#pragma once

#include <cerrno>

namespace nmisim {

class errno_guard {
public:
    errno_guard() noexcept : saved_(errno) {}
    ~errno_guard() { errno = saved_; }
    errno_guard(const errno_guard&) = delete;
    errno_guard& operator=(const errno_guard&) = delete;

private:
    int saved_;
};

} // namespace nmisim
