// SPDX-License-Identifier: MIT
//
// From the raise of the NMI to its handler. The program's own disposition of the signal is left in place, so that code
// which installs, queries or chains handlers sees what it would see without the explorer. Our handler takes its place
// only when the signal is pending and about to be delivered: it restores the program's disposition, notes that the
// handler runs, and calls it. So the handler that runs is the one that is installed at that boundary.
//
//   away -> pending       pending(), behind the raise
//   pending -> in front   look(), as soon as the interrupted code has the signal unblocked
//   in front -> pending   look(), if it has been blocked again (a call that might have unblocked it)
//   in front -> away      the handler runs
//   pending -> away       look(), without a handler: what comes then is in `delivery_note::without`
//
// Context: the thread that gets the NMI, in the SIGTRAP handler, every signal blocked: no call of libc.
#pragma once

#include "explore/step/arch.hpp"

#include <atomic>
#include <csignal>

namespace nmisim::explore {

/// What happens to the signal if no handler is installed.
enum class without_handler : std::uint8_t {
    nothing_yet,
    ignored,        ///< SIG_IGN, or SIG_DFL of a signal whose default is to do nothing
    default_action, ///< SIG_DFL of another one
};

/// Written by the child, read by the parent after its end.
struct delivery_note {
    std::atomic<std::uintptr_t> handler_at; ///< what it interrupted; 0: it did not run
    std::atomic<without_handler> without;
    void clear() noexcept
    {
        handler_at.store(0,
                         std::memory_order_relaxed); // one thread writes, read after the end of its process
        without.store(without_handler::nothing_yet, std::memory_order_relaxed); // as above
    }
};

/// Of the signals of a sweep. The second one is raised in the handler of the first, or together with it.
enum class nth_signal : std::uint8_t { first, second };

namespace delivery {

/// The child's signal; `handler` is installed for it, if there is one, and blocks all others but `other`.
/// Context: control. Errors: std::system_error for a signal that cannot have a handler.
void begin(nth_signal n, int signal, function handler, delivery_note* note, int other = 0);
int signal(nth_signal n = nth_signal::first) noexcept;

/// True when the program has a handler installed.
bool has_handler(nth_signal n = nth_signal::first) noexcept;
/// Raises it as ours. errno; 0: it is pending or was delivered.
int raise_in(int pid, int tid, int signal) noexcept;
/// The signal has been raised for the calling thread, `tid`, which is at `at`.
void pending(const ucontext_t& at, int tid, nth_signal n = nth_signal::first) noexcept;
/// Its mask may have changed.
void look(const ucontext_t& at) noexcept;
/// It is about to make a call that may open the signal by itself: sigsuspend, ppoll, a return from a handler.
void before_call(const arch::system_call& call) noexcept;
/// A call that changes the mask or the disposition, or opens the signal: it must be seen while an NMI is under way.
bool depends_on(long nr) noexcept;
/// The run is over: the program's disposition is back, whatever has come.
void over() noexcept;
bool is_open(const ucontext_t& at, nth_signal n = nth_signal::first) noexcept;
/// A signal that has been raised waits until the code at `at` opens it.
bool one_waits(const ucontext_t& at) noexcept;

} // namespace delivery

} // namespace nmisim::explore
