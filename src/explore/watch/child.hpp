// SPDX-License-Identifier: MIT
//
// A child process that explores, and the parent that watches it. The child is a fork, so functions and data
// have the same addresses in both, and what the child wrote to shared memory survives its crash.
#pragma once

#include "explore/replay/hold.hpp"
#include "explore/watch/race_threads.hpp"
#include "nmisim/explore_replay.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

namespace nmisim::explore {

/// How far a child has come. If it ends while it is at work, the code that it runs has ended it.
enum class child_stage : std::uint8_t {
    untold,   ///< it was started without a `progress`
    starting, ///< setup and warm-up
    at_work,  ///< told by its body
    over,     ///< its body has returned or thrown
};

/// Written by the child, read by the parent while it watches.
struct progress {
    std::atomic<child_stage> stage;
    std::atomic<std::uint64_t> runs;    ///< grows with each run: a sign of life
    std::atomic<int> tid[most_threads]; ///< threads whose state matters when it gets stuck; 0: all
    /// A process that acts on the child and is none of its own: while it does, the child does not stand still. 0: none.
    std::atomic<int> helper;
};

enum class child_end : std::uint8_t {
    finished, ///< its body returned 0
    failed,   ///< its body returned something else, or threw
    left,     ///< the code that it runs called exit() or _exit()
    crashed,  ///< killed by a signal
    stuck,    ///< stood still or ran without end; the parent killed it
};

struct child_result {
    child_end end = child_end::finished;
    int code = 0; ///< exit code, or signal
    child_stage stage_at_end = child_stage::untold;
    std::string state; ///< stuck: state of each thread with its call chain, in words
    std::string chain; ///< stuck, and only time showed it: the functions that it was in
};

/// A hang that only time shows costs that time again at each boundary where it occurs.
/// Counts them by their call chains, so that an exploration can stop when it learns nothing
/// more.
class repeated_hangs {
public:
    explicit repeated_hangs(std::uint32_t most) : most_(most) {}
    /// True when this was the last one that is waited for.
    bool are_enough(const child_result& end) { return !end.chain.empty() && ++seen_[end.chain] >= most_; }
    std::string in_words() const
    {
        return "gave up: " + std::to_string(most_) +
               " hangs with the same call chain, see limits::same_hangs";
    }

private:
    std::uint32_t most_;
    std::unordered_map<std::string, std::uint32_t> seen_;
};

/// Set it to end an exploration, also in a signal handler: the next look at its child kills it and throws `stopped`.
/// The results of the current window are lost; a report of half of it would look like one of all.
inline std::atomic<bool> stop_asked{false};
struct stopped {};

/// Forks; the child runs `body(argument)` and exits with what it returned, 1 when it threw. `alive`, in shared memory:
/// without it an exit in the code that the child runs cannot be told from the child's own.
pid_t start_child(int (*body)(void*), void* argument, progress* alive = nullptr);

/// Waits for it, however long it takes.
child_result wait_child(pid_t pid);

/// The same, until it is asked to stop: then kills it, and its children with it.
child_result wait_child_or_stop(pid_t pid);

/// A child that may be held; `tell` returns when it is to go on.
struct held_watch {
    hold_order& order;
    const std::function<void(const held_run&)>& tell;
};

/// Waits for it. It is stuck, by state: every thread asleep without a time-out, and nobody
/// left to wake it. A child that computes without end is stuck after `watchdog_ns` of CPU
/// time without a run; one that sleeps, with a time-out or until somebody outside wakes it,
/// after ten times as much. The time for which it waits for a processor is no sign of
/// anything. Processes that it has started count as it does. Errors: `stopped`, see
/// stop_asked.
child_result watch_child(pid_t pid, const progress& alive, std::uint64_t watchdog_ns,
                         const held_watch* held = nullptr);

/// Who holds a thread while its stack is read.
enum class held_by { us_meanwhile, its_tracer };
/// Call chain of a thread of another process, innermost first, `most` frames; empty where elfutils is missing. Of a caller
/// it is an address within the call. `its_tracer`: we trace the thread, and it is stopped.
std::vector<std::uintptr_t> stack_of(pid_t pid, int tid, held_by who = held_by::us_meanwhile,
                                     std::size_t most = 64);

/// How the child came to its end.
std::string in_words(const child_result& r);

/// "SIGSEGV", "SIGRTMIN+1"
std::string describe_signal(int signal);

} // namespace nmisim::explore
