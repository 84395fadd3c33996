// SPDX-License-Identifier: MIT
//
// Runs one schedule of two threads, each with its watch and its store buffer.
// Context: control, in the child process.
#pragma once

#include "explore/memory/contexts.hpp"
#include "explore/step/lockstep.hpp"

namespace nmisim::explore {

/// What a run was, beyond its schedule.
struct pair_outcome {
    bool followed = false;       ///< each context of the schedule ended where it must
    bool updater_waited = false; ///< while the reader was held
};

/// A context that the schedule does not have, and that ended by itself.
struct free_context {
    unsigned thread = 0;
    std::uint32_t from = 0;  ///< the points of the thread before it
    std::uint32_t to = 0;    ///< and after it
    bool at_end = false;     ///< the thread has ended, and not only waits
    bool alone = false;      ///< the other one had ended before it, and all its stores were visible
    bool nmi_before = false; ///< had come before it
    bool nmi_after = false;  ///< had come when it ended
    point_note end{};        ///< what would have been in its buffer there
};

class pair_run {
public:
    pair_run(const race& what, code_table& code, bool buffered);

    pair_outcome run(schedule& s, bool stepped);

    memory_watch& watch(unsigned thread) noexcept { return watch_[thread]; }
    const worker& thread(unsigned t) const noexcept { return *worker_[t]; }
    /// Contexts behind those of the schedule.
    const std::vector<free_context>& free_contexts() const noexcept { return free_; }

private:
    stop go(unsigned thread);
    stop run_on(unsigned thread);
    bool ended(unsigned thread) const noexcept
    {
        return started_[thread] && worker_[thread]->last() == stop::ended;
    }
    stop go_and_look_again(unsigned thread);
    stop until_it_ends_or_waits(unsigned thread);
    bool follow(schedule& s, unsigned context);
    void tell(schedule& s, unsigned context, unsigned drained);
    void finish(const schedule& s);
    void note_wait(unsigned thread) noexcept;

    const race& what_;
    bool stepped_ = false;
    worker* worker_[2]; ///< never freed: a thread that RCU knows must not end without a word
    origins values_;
    memory_watch watch_[2];
    bool started_[2] = {};
    bool updater_waited_ = false;
    std::vector<free_context> free_;
};

} // namespace nmisim::explore
