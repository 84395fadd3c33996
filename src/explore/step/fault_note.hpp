// SPDX-License-Identifier: MIT
//
// Which instruction a run dies at. From the raise of the NMI to the end of its run, our handler takes the signals of a
// crash, unless the program has a handler for them: it notes the place and lets the default action follow. The explored
// signal itself is left alone.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "nmisim/explore.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>

namespace nmisim::explore {

/// Written by the child, read by the parent after its end.
struct fault_note {
    std::atomic<int> signal; ///< 0: nothing was noted
    int code;                ///< si_code
    std::uintptr_t address;  ///< si_addr
    std::uintptr_t ip;
    bool off_the_alternate_stack; ///< the handler ran on it, and has left it
    code_bytes bytes;             ///< of the instruction

    int killed_by() const noexcept { return signal.load(std::memory_order_relaxed); } // its writer has ended
    /// The writer of `from` has ended.
    void copy(const fault_note& from) noexcept;
};

namespace fault_watch {

/// Context: control, in the child process.
void begin(int explored_signal, fault_note* note);
// Context: any, also the SIGTRAP handler: no call of libc.
void arm() noexcept;
/// The signals that are taken, as bits of the kernel's mask: the handler must not block them.
std::uint64_t taken() noexcept;
void disarm() noexcept;
void handler_begins(const stack_t& alternate) noexcept;
void handler_ends() noexcept;

} // namespace fault_watch

/// "SIGSEGV (SEGV_MAPERR, address 0x10)", "SIGABRT (sent by the process itself)"
std::string describe_fault(const fault_note& note);

} // namespace nmisim::explore
