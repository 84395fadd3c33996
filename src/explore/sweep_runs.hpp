// SPDX-License-Identifier: MIT
//
// The child's side of a sweep: records the window, runs it once per boundary, and writes the outcomes where the parent
// finds them, also after a crash.
#pragma once

#include "explore/place/objects.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/fault_note.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <csignal>
#include <optional>

namespace nmisim::explore {

/// What came of a run.
struct shared_finding {
    verdict result;
    shared_text<160> what;
    void set(verdict v, const char* text) noexcept
    {
        result = v;
        what.set(text);
    }
};

struct shared_cell : shared_finding {
    bool done;
    bool strayed; ///< not reached: the run took another path
    std::uintptr_t delivered_at;
    fault_note fault; ///< of a forked child that it killed
};

/// Of limits::fresh, from process to process.
struct fresh_progress {
    bool to_follow; ///< the next run is to take the recorded path
    unsigned recordings;
    unsigned failed_here;
    unsigned failed;
};

/// Of an NMI inside a system call.
struct shared_call : shared_finding {
    bool done;
    bool entered; ///< and the NMI was raised in it
    bool restarted;
    long returned;
};

/// Of two signals.
struct shared_pair : shared_finding {
    std::uint32_t boundary;
    bool together;
    std::uint32_t inside;
    std::uintptr_t ip;
    code_bytes code;
    std::uint32_t round;
    std::uintptr_t delivered_at;
};

/// Of target::second: the boundary in work, one run after the other. The first one records the handler of the first signal,
/// the next has both signals together, the others the second one before an instruction of that handler.
struct second_progress {
    std::uint32_t run;
    recording handler;
    delivery_note nmi;
    unsigned failed;
    std::uint32_t count; ///< of pairs
    bool ended;          ///< the last run has come back
    bool full;           ///< more pairs than are wanted
    bool has_handler;
    unsigned unrecorded; ///< boundaries at which the handler was not seen to return

    bool records() const noexcept { return run == 0; }
    bool together() const noexcept { return run == 1; }
    std::uint32_t inside() const noexcept { return run - 2; }
};

/// The one of a replay.
struct wanted_pair {
    bool together;
    std::uintptr_t ip;
    std::uint32_t round;
};

struct shared_sweep {
    progress alive;
    std::atomic<std::uint32_t> current; ///< boundary in work; written by the child, read after its death
    delivery_note nmi;                  ///< of the run in work
    fault_note fault;                   ///< as above
    bool notes_faults;                  ///< from the first crash on: it takes ten system calls a run
    std::atomic<std::uint32_t> recorded;
    std::uint64_t record_ns;
    bool has_threads; ///< beside the one that explores
    fresh_progress fresh;
    call_order order;
    hold_order hold;
    std::array<shared_call, std::size_t{2} * recording::max_calls> calls; ///< each call, pending and asleep
    recording steps;
    second_progress second;
    forked_run forked;
    shared_maps maps; ///< with what `setup` and the first run have loaded

    /// Child: `steps` and `maps` are whole.
    void recorded_now() noexcept;
    /// They may be read.
    bool is_recorded() const noexcept;
    /// Parent: they may be read. False: not within a few milliseconds.
    bool wait_until_recorded() const noexcept;
};

struct job {
    const target& what;
    const limits& within;
    shared_array<shared_sweep>& shared;
    shared_array<shared_cell>& cells;
    bool sweep;
    bool each_in_a_fork;
    std::uint32_t only = no_boundary; ///< nothing behind it is run
    hold_order* hold = nullptr;
    shared_pair* pairs = nullptr; ///< limits::pairs of them, if there is a second signal
    const wanted_pair* only_pair = nullptr;

    /// What is to be run: the boundaries, each call twice, and the boundaries with the second signal. `current` counts
    /// through all.
    std::uint32_t runs() const noexcept
    {
        if (only != no_boundary)
            return only + 1;
        return first_with_second() + (pairs != nullptr ? shared->steps.count : 0);
    }
    std::uint32_t first_with_second() const noexcept
    {
        return shared->steps.count + (within.system_calls ? 2 * shared->steps.calls : 0);
    }
    call_order* order() const noexcept { return within.system_calls ? &shared->order : nullptr; }
    int signal() const { return what.signal != 0 ? what.signal : SIGRTMIN + 1; }
};

/// One run of the window by the calling thread, or of the end of a thread made for it. Context: child.
void run_once(const job& j, std::optional<stepped_thread>& self, const plan& p);

// Body of a child process.
int explore_window_runs(void* job_argument);
/// Parent, after the end of a child: with limits::fresh the next one has something to do.
bool has_fresh_runs_left(const job& j) noexcept;
/// Parent, after a crash of run `k`: the run once more, to see where it dies. Errors: `stopped`; std::system_error when no
/// child process can be had.
void note_fault_of(job& j, std::uint32_t k);

} // namespace nmisim::explore
