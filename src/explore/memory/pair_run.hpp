// SPDX-License-Identifier: MIT
//
// Runs one schedule of the threads of a race, each with its watch and its store buffer.
// Context: control, in the child process.
#pragma once

#include "explore/memory/contexts.hpp"
#include "explore/step/lockstep.hpp"

namespace nmisim::explore {

/// Of memory_watch::state(): of a thread that is held, or has waited so often, and of one that has ended.
constexpr std::uint64_t stopped_state(std::uint64_t state, std::uint32_t waits) noexcept
{
    return mixed(state, std::uint64_t{waits} << 1U);
}
constexpr std::uint64_t ended_state(std::uint64_t state) noexcept
{
    return mixed(state, 1);
}

/// What the threads are, between two contexts.
struct run_state {
    struct one {
        std::uint64_t state = 0; ///< equal: the same place, and all that it has is the same
        bool ended = false;
        std::uint32_t waits = 0;        ///< so often
        std::uint32_t waits_since = 0;  ///< origins::changes(); it goes on when there were more
        bool waits_for_another = false; ///< and not for time
    };
    one thread[most_threads];
    std::uint64_t memory = 0;
    thread_set asleep = 0;

    /// Whether it has something to do, after so many changes: it has not ended, and does not wait for one.
    bool may_run(unsigned t, std::uint32_t changes) const noexcept
    {
        const one& o = thread[t];
        return !o.ended && !(o.waits_for_another && o.waits_since == changes);
    }
};

/// A context that the schedule does not have, and that ended by itself.
struct free_context {
    unsigned thread = 0;
    std::uint32_t from = 0;  ///< the points of the thread before it
    std::uint32_t to = 0;    ///< and after it
    bool at_end = false;     ///< the thread has ended, and not only waits
    bool alone = false;      ///< the others had ended before it, and all their stores were visible
    bool nmi_before = false; ///< had come before it
    bool nmi_after = false;  ///< had come when it ended
    point_note end{};        ///< what would have been in its buffer there
    run_state before{};      ///< when it began
    std::uint32_t waits = 0; ///< of its thread, with this one
    bool was_held = false;   ///< at a point, and has not waited
};

class pair_run {
public:
    pair_run(const race& what, code_table& code, bool buffered);

    /// True: each context of the schedule ended where it must.
    bool run(schedule& s, bool stepped);

    memory_watch& watch(unsigned thread) noexcept { return watch_[thread]; }
    const memory_watch& watch(unsigned thread) const noexcept { return watch_[thread]; }
    const worker& thread(unsigned t) const noexcept { return *worker_[t]; }
    /// Contexts behind those of the schedule.
    const std::vector<free_context>& free_contexts() const noexcept { return free_; }
    unsigned threads() const noexcept { return threads_; }

private:
    stop go(unsigned thread);
    stop run_on(unsigned thread);
    bool ended(unsigned thread) const noexcept
    {
        return started_[thread] && worker_[thread]->last() == stop::ended;
    }
    bool all_ended() const noexcept;
    bool alone(unsigned thread) const noexcept;
    bool drain_others(unsigned thread) noexcept;
    unsigned next_after(unsigned thread) const noexcept;
    run_state state() const noexcept;
    function window_of(unsigned thread) const noexcept;
    stop go_and_look_again(unsigned thread);
    stop until_it_ends_or_waits(schedule& s, unsigned thread);
    bool follow(schedule& s, unsigned context);
    void tell(schedule& s, unsigned context, unsigned drained);
    void finish(schedule& s);

    const race& what_;
    bool stepped_ = false;
    unsigned threads_;
    worker* worker_[most_threads]; ///< never freed: a thread that RCU knows must not end without a word
    origins values_;
    sleepers sleepers_;
    memory_watch watch_[most_threads];
    bool started_[most_threads] = {};
    std::uint32_t waits_[most_threads] = {};
    std::uint32_t waits_since_[most_threads] = {};
    std::vector<free_context> free_;
};

} // namespace nmisim::explore
