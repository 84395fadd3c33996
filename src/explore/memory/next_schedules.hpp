// SPDX-License-Identifier: MIT
//
// Which schedules a run leads to: one more preemption, an NMI, and of three threads another one's turn, in each context that
// ended by itself.
//
// Most of them lead to where another one has been already: each thread at the same place, with the same values from the same
// stores, the same bytes in memory. What follows is the same, so only one that has spent the fewest preemptions is run.
// Only without store buffers. The schedules that a picture shows cell by cell all lead to states of their own.
//
// A thread that sleeps (sleepers.hpp) is not resumed. The run would be the same as that of another schedule: the thread is
// stopped behind its access instead, or ends or waits there by itself, and whoever ran meanwhile runs then. That one has
// no more preemptions of any thread; it is a child of the same schedule, and may be left out for the same reason, but not
// in a circle: with each such step an access moves to an earlier context of its thread. For this the pause behind the
// access must be of use, too. But a thread that counts how often it looked may look less often. A state stands for another
// one only if no more threads sleep in it. With store buffers nobody sleeps, and what a picture shows is run all the same.
// Context: control, in the child process, between two runs.
#pragma once

#include "explore/memory/pair_run.hpp"

#include <array>
#include <unordered_map>
#include <vector>

namespace nmisim::explore {

class next_schedules {
public:
    next_schedules(const interleaving_job& job, shared_schedules& all, const pair_run& run) noexcept
        : job_(job), shared_(all), run_(run)
    {}

    /// Behind the last run, which was that of `s`.
    void add(const schedule& s);
    /// All begins again.
    void forget() { been_.clear(); }

private:
    struct place_to_go_on {
        std::uint64_t thread = 0; ///< the state of the one that stops there
        std::uint64_t memory = 0;
        std::uint32_t changes = 0;
        thread_set asleep; ///< there
    };
    struct spent {
        std::array<std::uint8_t, most_threads> preemptions{};
        thread_set asleep = 0;
    };
    bool sleeps_before(const free_context& f, std::uint32_t point) const;
    bool is_left_out(const schedule& s, thread_set asleep) const;
    schedule* copy_of(const schedule& parent);
    bool is_new(const schedule& s, const free_context& f, const place_to_go_on& at);
    void add_child(const schedule& parent, std::size_t free_one, const schedule_context& stop,
                   const place_to_go_on& at);
    void add_nmi(const schedule& parent, const free_context& f, std::uint32_t at, const point_note& point);
    void add_nmis(const schedule& s, const free_context& f);
    void add_preemptions(const schedule& s, std::size_t free_one);
    void add_turns(const schedule& s, std::size_t free_one);

    const interleaving_job& job_;
    shared_schedules& shared_;
    const pair_run& run_;
    /// States from which some schedule goes on, how often each thread had been preempted before, and who slept.
    std::unordered_map<std::uint64_t, std::vector<spent>> been_;
};

} // namespace nmisim::explore
