// SPDX-License-Identifier: MIT
//
// One thread that runs a window under control. A plan says what the run must do: record the boundaries, or go
// to one boundary and there raise the NMI, enter a system call or pause. Going there is cheap if the boundary's address, or
// that of an earlier boundary, can carry a one-shot breakpoint: one trap, and from there the thread steps. Most steps are made
// in the handler (arch::make_step), each of the others is a trap.
//
// Phases, seen by the explorer through phase():
//   idle -> running          run()
//   running -> paused        at the boundary of the plan; resume() -> running
//   running -> waiting       about to make a system call that would put it to sleep; resume() -> running
//   running -> ended         the window has returned
// Paused and waiting threads sit in the trap handler, every signal blocked, so nothing else can happen there.
//
// Context: run() in the thread itself; the rest in the thread that explores. Pitfalls of the trap flag are explained at
// the functions that avoid them.
#pragma once

#include "explore/step/arch.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/recording.hpp"
#include "explore/watch/inside_call.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace nmisim::explore {

inline constexpr std::uint32_t no_boundary = ~std::uint32_t{0};

class instruction_watch;

enum class at_target : std::uint8_t { raise_nmi, pause, enter_call };

/// The second signal of a run, see watch/inside_handler.cpp.
struct plan_of_second {
    bool together = false;              ///< it is raised with the first one
    recording* record = nullptr;        ///< of the first one's handler; nothing is raised
    std::uint32_t target = no_boundary; ///< of that handler
    std::uintptr_t target_ip = 0;       ///< as recorded
};

/// The process that the window makes, which is stepped instead of it. In memory that the two share.
struct forked_run {
    bool reached;
    int raise_error;
    bool raised_while_blocked;
};

struct plan {
    recording* record = nullptr;
    recording* follow = nullptr; ///< see whether the run takes this path, and write that there
    std::uint32_t target = no_boundary;
    std::uintptr_t target_ip = 0; ///< as recorded: another path may have as many boundaries; 0: any
    at_target action = at_target::raise_nmi;
    std::uintptr_t anchor = 0; ///< one-shot here, then single-step; 0: single-step from the start
    std::uint32_t anchor_index = 0;
    std::uint32_t anchor_passes = 0;  ///< arrivals at the anchor that do not count yet: rounds of a loop
    bool stop_before_waiting = false; ///< report phase `waiting` instead of sleeping
    bool gated = false;               ///< every system call of the window that must have a gate has one
    call_order* order = nullptr;      ///< for `enter_call`, and for calls that only a signal ends
    arrival when = arrival::asleep;   ///< of that
    bool alone = false;               ///< no other thread waits for a phase
    instruction_watch* watch =
        nullptr;            ///< asked before each stepped instruction, watch breakpoint and system call
    bool step_all = false;  ///< step from the start to the end
    function nmi = nullptr; ///< what comes where the watch says so
    plan_of_second second{};
    forked_run* forked = nullptr; ///< not the window is stepped but a process that it makes
};

enum class phase : std::uint32_t { idle, running, paused, waiting, ended };

class stepped_thread {
public:
    /// Binds to the calling thread. One per thread; not while another lives there.
    stepped_thread() noexcept;
    ~stepped_thread();
    stepped_thread(const stepped_thread&) = delete;
    stepped_thread& operator=(const stepped_thread&) = delete;

    void run(function window, const plan& p) noexcept;
    /// The window is what follows the body of the thread: called last in the body of a thread, which then returns.
    void run_thread_end(const plan& p) noexcept;

    explore::phase phase() const noexcept;
    /// Sleeps until the phase is no longer `running`, at most `ns`; 0: as long as that takes.
    explore::phase wait_while_running(std::uint64_t ns = 0) const noexcept;
    /// The explorer says that a run is about to begin: phase `ended` of the last one is over.
    void about_to_run() noexcept;
    /// From paused or waiting back to running.
    void resume() noexcept;

    int pid() const noexcept { return pid_; }
    int tid() const noexcept { return tid_; }
    bool reached() const noexcept { return reached_; }
    /// errno of the raise at the boundary, 0: the signal is pending or was delivered.
    int raise_error() const noexcept { return raise_error_; }
    /// The interrupted code had the signal blocked when it was raised.
    bool raised_while_blocked() const noexcept { return raised_while_blocked_; }
    /// Where the NMI interrupted, 0: not delivered. Set by the NMI handler.
    std::uintptr_t delivered_at() const noexcept { return delivered_at_.load(std::memory_order_relaxed); }
    /// Phase `waiting`: the system call, and the address of its instruction.
    long waiting_in() const noexcept { return waiting_in_; }
    std::uintptr_t waiting_at() const noexcept { return waiting_at_; }

    /// The window itself says that it waits. Context: the thread itself.
    void waits() noexcept;

    /// The run came to where its second signal was to be raised, and it could be raised.
    bool second_reached() const noexcept { return second_reached_; }

    // Called by the signal handlers only.
    void nmi_delivered(std::uintptr_t at) noexcept;
    bool steps_handler() const noexcept;
    bool follows_into(int tid) noexcept; ///< the calling process is the one that is stepped from now on
    void handler_is_over(ucontext_t& interrupted) noexcept;
    void run_handler(std::uintptr_t handler, int signal, siginfo_t* info, ucontext_t& interrupted) noexcept;
    void trapped(ucontext_t& at) noexcept;
    bool passes_anchor() noexcept; ///< true: not yet, step over it
    void at_anchor(ucontext_t& at) noexcept;
    void at_gate(ucontext_t& at) noexcept;
    void at_watch(ucontext_t& at) noexcept;
    bool stepping() const noexcept { return stepping_; }
    /// Of a run that was to follow a recording: how many of its boundaries it has had, before it left the path or ended.
    std::uint32_t followed() const noexcept { return follows_ ? index_ : index_ - 1; }
    bool has_forked() const noexcept { return has_forked_; }

private:
    enum class next { step, run_free };
    next boundary(const ucontext_t& at) noexcept;
    next raise_nmi(const ucontext_t& at) noexcept;
    next handler_boundary(const ucontext_t& at) noexcept;
    void raise_second(const ucontext_t& at) noexcept;
    void start(const plan& p) noexcept;
    void at_the_end() noexcept;
    void note_stack(const ucontext_t& at) noexcept;
    void note_call(const arch::system_call& call) noexcept;
    void stop_stepping(ucontext_t& at) noexcept;
    void publish(explore::phase p) noexcept;
    void hold(explore::phase p) noexcept;
    void make_call(ucontext_t& at) noexcept;
    void at_watched_call(const ucontext_t& at, const arch::system_call& call) noexcept;
    void run_nmi(bool step) noexcept;
    void take_nmi() noexcept;
    template <class Ask>
    void ask_watch(const ucontext_t& at, const Ask& ask) noexcept;
    void enter_call(const ucontext_t& at, arrival when) noexcept;

    bool is_before_fork() const noexcept { return plan_.forked != nullptr && !in_forked_; }
    bool keeps_traps(ucontext_t& at, const arch::system_call& call) noexcept;

    const int own_pid_;
    const int own_tid_;
    int pid_; ///< of the process that is stepped
    int tid_;
    bool has_forked_ = false;
    bool in_forked_ = false;
    plan plan_{};
    bool stepping_ = false;
    bool reached_ = false;
    bool thread_ends_ = false;
    bool in_handler_ = false;  ///< of the first signal, which is stepped
    bool behind_call_ = false; ///< a system call was made in its name, and no step since
    std::uint32_t handler_index_ = 0;
    bool second_reached_ = false;
    int raise_error_ = 0;
    bool raised_while_blocked_ = false;
    std::uint32_t index_ = 0;
    bool follows_ = false;            ///< so far
    std::uintptr_t without_gate_ = 0; ///< of this run
    long waiting_in_ = 0;
    std::uintptr_t waiting_at_ = 0;
    std::atomic<std::uintptr_t> delivered_at_{0};
    std::atomic<std::uint32_t> phase_{0};
    std::atomic<std::uint32_t> resumed_{0};
};

/// Waits and wakes without libc, whose call may carry a gate. `at_most`: nullptr: as long as that takes.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t while_it_is,
                const timespec* at_most = nullptr) noexcept;
void futex_wake(const std::atomic<std::uint32_t>& word) noexcept;

inline constexpr unsigned most_recordings = 5;

/// Records until another run takes the same path: the first run of a code path binds functions, touches memory and
/// fills caches. `run(plan)` runs the window once.
template <class Run>
void record_until_stable(recording& t, const Run& run)
{
    for (unsigned i = 1; i <= most_recordings; ++i) {
        clear(t);
        plan p;
        p.record = &t;
        run(p);
        if (!t.ended || i == most_recordings)
            return;
        t.run_over = false;
        p.record = nullptr;
        p.follow = &t;
        run(p);
        if (t.followed)
            return;
    }
}

/// Installs the SIGTRAP handler, and `handler` for `signal`, when set, which does not block `other`. signal 0: no NMI.
/// `maps`: see prepare_breakpoints(). Context: control, in the child process.
void install_handlers(int signal, function handler, delivery_note* note = nullptr, int other = 0,
                      std::string_view maps = {});
/// The same, where prepare_breakpoints() is called later.
void take_signals(int signal, function handler, delivery_note* note = nullptr, int other = 0);

/// Calls what a target may leave out.
inline void call(function f)
{
    if (f != nullptr)
        f();
}

} // namespace nmisim::explore
