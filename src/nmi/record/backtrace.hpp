// SPDX-License-Identifier: MIT
//
// Return addresses of the code that a signal interrupted, from inside that signal's handler. libunwind where
// it was found at build time; otherwise only the interrupted instruction (backtrace_none.cpp).
#pragma once

#include "nmisim/regs.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace nmisim {

/// Fills `frames`, innermost first; returns how many.
/// Context: nmi. Progress: bounded by `size`; reads unwind tables, allocates nothing.
std::size_t unwind_interrupted(const pt_regs& regs, std::uintptr_t* frames, std::size_t size) noexcept;

/// Touches what the first unwind would initialise lazily. Once is enough for a process and those that it forks afterwards.
/// Context: control, before the first NMI.
void warm_up_unwinder() noexcept;

/// A vCPU's own (percpu::backtrace). Asked for by a signal that carries its address as a mark, to be compared and nothing
/// else; answered on the thread that the signal interrupts.
struct backtrace_request {
    std::array<std::uintptr_t, 64> frames{};
    std::atomic<int> count{0}; ///< -1: asked for and not answered yet
};

/// The backtrace signal's handler; it may interrupt an NMI. Whatever a signal carries, it writes to the interrupted vCPU's
/// own request or nowhere: a signal that does not carry its mark is a stray, one that comes when nobody waits for an
/// answer any more is late. Context: nmi.
void exc_backtrace(int, siginfo_t* info, void* context) noexcept;

} // namespace nmisim
