// SPDX-License-Identifier: MIT
//
// The run-time part of invariant I9: the executable's own malloc, free, stdio and mutex functions look whether
// they were called in NMI context and report the caller to the check `signal-safety`. It is linked into
// nmi-sim and the tests (libc_guard_*.cpp), never into the library: a library must not replace its host's
// malloc. It cannot see static and inlined calls, nor libc's calls to itself.
#pragma once

namespace nmisim {

/// True where the guard is linked in. Context: any.
bool libc_guard_active() noexcept;

/// Called by the guard's object once, at start-up.
void libc_guard_is_here() noexcept;

/// Books a call of `function` from `caller` if it happens in NMI context; returns whether it does.
/// Context: any.
bool libc_guard_report(const char* function, const void* caller) noexcept;

} // namespace nmisim
