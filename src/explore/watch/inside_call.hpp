// SPDX-License-Identifier: MIT
//
// An NMI that comes while a system call is under way. A process beside the explored one, the tracer, holds its thread by
// ptrace at the entry of the call and raises the NMI there, or when the thread sleeps in the call; then it lets go. So
// the kernel itself decides what the call returns.
//
//   idle -> wanted     the thread, in the SIGTRAP handler, before the call's instruction
//   wanted -> traced   the tracer holds it
//   traced -> over     the call has returned, or the thread is gone; nobody traces it any more
//   wanted -> over     `error`: it cannot be traced
#pragma once

#include "nmisim/explore.hpp"

#include <atomic>
#include <cstdint>

#include <sys/types.h>

namespace nmisim::explore {

struct progress;

/// In memory shared by the explored process, the tracer and their parent.
struct call_order {
    std::atomic<std::uint32_t> state;
    int pid;
    int tid;
    int signal;
    long nr;
    std::uintptr_t at; ///< of the call's instruction
    arrival when;
    bool raise_anyway; ///< behind a call that did not sleep: the window waits for it
    int error;         ///< errno of what could not be done
    bool entered;
    bool sent;   ///< in the call
    long result; ///< as the kernel has it before it restarts a call
};

/// Asks for an NMI in the call that the calling thread makes next, at its instruction `at`, and waits until it is traced.
/// False: it cannot be, see `error`. Context: the SIGTRAP handler.
bool ask_for_nmi_in_call(call_order& order, int tid, int signal, long nr, std::uintptr_t at,
                         arrival when) noexcept;

/// Returns when the order is over: its result may be read.
void wait_for_end_of(call_order& order) noexcept;

/// The tracer, while it lives. Context: control, in the parent of the explored process.
class call_tracer {
public:
    /// It is the explored process's `progress::helper`. Errors: std::system_error if no process can be started.
    call_tracer(call_order& order, progress& alive);
    ~call_tracer();
    call_tracer(const call_tracer&) = delete;
    call_tracer& operator=(const call_tracer&) = delete;

private:
    pid_t pid_;
};

/// Why no process can be traced here, by an emulator or in a container. Empty: it can be. Context: control.
/// Errors: std::system_error if no process can be started.
std::string tracing_absent();

/// The tracer may trace this process from now on. Context: control, in the explored process.
void allow_tracer(const progress& alive) noexcept;

/// "EINTR", "restarted", "returned 3". `restarted`: the handler interrupted the call's own instruction.
std::string result_in_words(long result, bool restarted);

} // namespace nmisim::explore
