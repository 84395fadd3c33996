// SPDX-License-Identifier: MIT
//
// Interrupts for a program that exists: a signal whose handlers can be swapped while it fires, on any thread of the
// program. It knows threads, signals, handlers and grace periods, and nothing of a simulator.
//
//     nmisim::interrupt prof({.signal = SIGPROF});
//     nmisim::slot<samples> buffer(prof);                             // nmisim/slot.hpp
//     auto [result, old] = buffer.exchange(nmisim::make<samples>(), 100ms);
//     auto here = prof.attach_this_thread({.cpu_hz = 100});
//
// Any thread may take the interrupt. A thread that attaches gets more: a timer of its own, user data, a latch so that a
// standard signal can lose its payload and is counted all the same, and drain() waits for it. Threads that never attach
// may come and go as they like.
//
// What does not carry this library's mark is foreign: it goes on to the handler that was there before. A default action
// is never taken. State that a late signal may touch is never freed.
//
// Kernel: request_nmi(), and kernel/rcu/srcutree.c for readers that nobody registers.
#pragma once

#include "nmisim/deadline.hpp"
#include "nmisim/export.hpp"
#include "nmisim/raise_result.hpp"
#include "nmisim/regs.hpp"

#include <csignal>
#include <cstdint>
#include <sys/types.h>

namespace nmisim {

namespace runtime {
struct interrupt_state;
struct thread_block;
} // namespace runtime

/// What became of a call that waits.
enum class outcome {
    drained,                  ///< nobody uses the old object any more: it is yours
    timed_out,                ///< the new one is published; the library retires the old one as soon as it can
    refused_in_interrupt,     ///< in a handler, which would wait for itself
    refused_in_child,         ///< in a child that came about without fork()'s handlers, as by _Fork()
    refused_without_deadline, ///< this thread never attached: whether it stands in a handler nobody can know
    closed,                   ///< the interrupt was closed
};
/// In a few words. Context: any.
NMISIM_API const char* to_string(outcome value) noexcept;

/// Real-time signal `n`, for interrupt_options. Each raise is one event there, as long as the kernel's queue has room.
inline int rt(int n) noexcept
{
    return SIGRTMIN + n;
}

struct interrupt_options {
    int signal = 0; ///< one interrupt per signal; not one that stands for an error of the program's own
};

struct attach_options {
    unsigned cpu_hz = 0; ///< a timer on the thread's CPU time; it interrupts no system call that waits
    unsigned wall_hz =
        0; ///< the same on the wall clock: waiting system calls return EINTR, SA_RESTART or not
    void* user = nullptr; ///< handed to the handler
};

/// One interrupt, as its handler sees it. Lives for the handler's call.
struct NMISIM_API event {
    pt_regs regs;
    const siginfo_t* info = nullptr;
    std::uint64_t weight = 1; ///< expirations of the timer that this stands for: 1 and the overruns
    void* user = nullptr;     ///< attach_options::user; null on a thread that never attached
    pid_t known_tid = 0;      ///< of an attached thread

    /// The interrupted thread. Context: nmi. A system call where the thread never attached.
    pid_t tid() const noexcept;
};

/// Monotonic since the interrupt was opened; in a child of fork() since then. Two looks at moving numbers.
/// When nothing is under way: raised = handled + dropped, and the same for expirations.
struct interrupt_books {
    std::uint64_t raised = 0;    ///< on attached threads, and not coalesced
    std::uint64_t handled = 0;   ///< of these
    std::uint64_t dropped = 0;   ///< of these, taken off when the thread left
    std::uint64_t coalesced = 0; ///< raises that found one pending
    std::uint64_t absorbed = 0;  ///< handled when another signal arrived in its place
    std::uint64_t echoes = 0;    ///< signals that arrived behind that; nothing is run for them
    std::uint64_t rejected = 0;  ///< by the kernel
    std::uint64_t no_thread = 0; ///< raises on a thread that is not there

    std::uint64_t unattached_raised = 0; ///< on threads that never attached: they may end before it arrives
    std::uint64_t unattached_handled = 0;

    std::uint64_t timer_events = 0; ///< arrivals of timers
    std::uint64_t expirations = 0;  ///< the sum of their weights
    std::uint64_t expirations_dropped = 0;

    std::uint64_t foreign = 0;         ///< signals that are none of ours
    std::uint64_t foreign_ignored = 0; ///< of these: no handler was there before; the others were forwarded

    std::uint64_t attached = 0;  ///< threads, now
    std::uint64_t blocked = 0;   ///< of these, threads that block the signal
    bool replaced = false;       ///< somebody installed another handler for the signal later
    std::uint64_t timed_out = 0; ///< objects whose exchange did not wait to the end, ...
    std::uint64_t reclaimed = 0; ///< ... and of all that the library retires, how many are gone

    std::uint64_t begun_unattached = 0; ///< threads that began and could not attach: no timer was to be had
};

/// What attach_process() came to, in threads.
struct process_threads {
    std::uint64_t attached = 0; ///< by this call
    std::uint64_t already = 0;  ///< were attached before it
    std::uint64_t ended = 0;    ///< while it looked
    std::uint64_t failed = 0;
    int error = 0; ///< why the last of them failed, mostly EAGAIN; ECANCELED on a closed interrupt
    bool later_ones =
        false; ///< threads that begin from now on attach too: nmisim_thread_begins() is called here
};

/// Keeps the calling thread attached. The thread's end detaches as well, with or without it.
class NMISIM_API attachment {
public:
    attachment(attachment&& other) noexcept;
    attachment& operator=(attachment&&) = delete;
    /// Detaches, if it is the thread's last one; on another thread it leaves that to the thread's end.
    ~attachment();

    /// 0, or the errno of what failed: EAGAIN where no timer is to be had, ECANCELED on a closed interrupt.
    int error() const noexcept { return error_; }
    explicit operator bool() const noexcept { return error_ == 0; }

private:
    friend class interrupt;
    attachment(runtime::thread_block* block, std::uint64_t incarnation, int error) noexcept
        : block_(block), incarnation_(incarnation), error_(error)
    {}
    runtime::thread_block* block_;
    std::uint64_t incarnation_;
    int error_;
};

class NMISIM_API interrupt {
public:
    /// Takes the signal: SA_SIGINFO | SA_ONSTACK | SA_RESTART. Context: control.
    /// Errors: std::system_error; EBUSY where the signal is another interrupt's, or where somebody replaced the handler.
    explicit interrupt(const interrupt_options& options);
    /// The same without an exception: `error` is 0 or the errno. With an error every call answers as a closed one does.
    interrupt(const interrupt_options& options, int& error) noexcept;
    /// Closes, without waiting.
    ~interrupt();
    interrupt(const interrupt&) = delete;
    interrupt& operator=(const interrupt&) = delete;

    /// Idempotent: a thread attaches once, and a timer that is not there is armed, as in a child of fork().
    /// Context: control, on the thread itself.
    [[nodiscard]] attachment attach_this_thread(const attach_options& options = {}) noexcept;

    /// All threads of the process, from outside: no code runs in them before their first event. They stay attached
    /// until they end, and may attach themselves as well. Threads that begin later attach as they begin, if the program
    /// has the library nmisim-threads in front of pthread_create(), or calls nmisim_thread_begins() in them.
    /// What is pending when a thread ends that never attached itself is lost with it: raises are booked as dropped.
    /// Context: control. Progress: some system calls a thread. May be called again.
    [[nodiscard]] process_threads attach_process(const attach_options& options = {}) noexcept;

    /// Context: any, handlers included. Progress: one system call. Ordering: the handler sees what was stored before.
    raise_result raise(pid_t tid) noexcept;
    /// On all attached threads; returns how many it was raised on. Context: any.
    std::uint64_t raise_all() noexcept;

    /// Waits until what was raised on attached threads has been handled. Context: control; not in a handler. Ordering: as close().
    [[nodiscard]] outcome drain(deadline limit) noexcept;
    /// Context: control. Reads /proc for each attached thread.
    interrupt_books books() const noexcept;

    /// Takes all objects out of their slots and retires them, deletes the timers, and waits for handlers under way. The
    /// signal handler stays and forwards. May be called again, in any order with slots and attachments.
    /// In a handler it closes and does not wait. Context: control. Ordering: after `drained` the caller sees what they stored.
    outcome close(deadline limit) noexcept;

private:
    friend class slot_base;
    runtime::interrupt_state* state_ = nullptr;
    std::uint64_t opening_ = 0;
};

} // namespace nmisim
