// SPDX-License-Identifier: MIT
//
// A schedule of two or three threads as a list of contexts. In a context one thread runs, and only its store buffer drains;
// the next one is another thread's. A context ends at a point of its thread, at its end with stores left, or by itself:
// where the thread ends or waits. Behind the last context of the list runs `next`, and all contexts end by themselves;
// whose turn it is then, pair_run says.
//
// Schedules are tried in the order of their preemptions, so the first finding is the smallest (iterative bounding:
// Musuvathi, Qadeer, PLDI 2007). Each run tells where one more preemption, or another thread's turn, makes another
// schedule; those are appended.
//
// All this lies in memory shared with the parent, which reads it also after a crash.
#pragma once

#include "explore/memory/memory_watch.hpp"
#include "explore/place/objects.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"
#include "nmisim/explore.hpp"

namespace nmisim::explore {

struct schedule_context {
    std::uint32_t points = no_stop; ///< of its thread, before it stops; no_stop: it ends by itself
    std::uint32_t drained = 0;      ///< of its stores
    std::uint32_t waiting = 0;      ///< and those that have not
    std::uintptr_t ip = 0;          ///< where it stops; 0: at its end
    std::uint32_t rounds = 0;       ///< how often the thread has been at that point before
    std::uint8_t thread = the_reader;
    bool sleeps = false; ///< until others touch what it is about to touch, see sleepers.hpp
};

/// The oldest store that waits while the other thread runs.
struct told_store {
    std::uintptr_t by;
    std::uintptr_t address;
    std::uintptr_t overtaken_by;
    std::uintptr_t load_address;
    std::uint64_t value;
    std::uint8_t size;
    std::uint8_t context; ///< of the schedule
};

struct schedule {
    static constexpr unsigned most_contexts = 12;

    schedule_context at[most_contexts];
    std::uint8_t contexts;
    std::uint8_t next;              ///< behind the last context
    std::uint32_t parent;           ///< the schedule whose run led to it
    bool by_rounds;                 ///< of a replay: `points` are not known, but for no_stop
    bool nmi_nested;                ///< inside what the reader does, not after it
    std::uint32_t nmi_at = no_stop; ///< the reader's points before it; no_stop: none comes
    std::uintptr_t nmi_ip;          ///< the instruction that it comes before; 0: at the end
    std::uint32_t nmi_rounds;       ///< how often the reader has been there before
    bool updater_waited;            ///< while the reader was held
    cell result;
    std::uint8_t text; ///< index + 1 into shared_schedules::texts, 0: none
    std::uint8_t told;
    told_store stores[2];

    /// See race_threads.hpp.
    unsigned thread_of(unsigned context) const noexcept
    {
        return context < contexts ? at[context].thread : next;
    }
    bool has_nmi() const noexcept { return nmi_at != no_stop; }
    /// Of two threads: the picture shows it. At most one preemption of each.
    bool is_in_picture() const noexcept
    {
        return !has_nmi() && contexts <= 2 && preemptions_of(the_reader) <= 1 &&
               preemptions_of(the_updater) <= 1 && (contexts < 2 || at[0].points != no_stop);
    }
    unsigned preemptions_of(unsigned thread) const noexcept
    {
        unsigned n = 0;
        for (unsigned c = 0; c < contexts; ++c)
            n += thread_of(c) == thread && at[c].points != no_stop ? 1U : 0U;
        return n;
    }
};

/// What is known of an instruction, for the next child.
struct learned {
    std::uintptr_t ip;
    use_of_instruction use;
};

struct shared_schedules {
    static constexpr std::uint32_t most = 1U << 19;
    static constexpr std::uint32_t most_bad = 256;

    progress alive;
    std::uint32_t count;
    std::atomic<std::uint32_t> current; ///< the schedule in work
    std::uint32_t shared_bytes;
    std::uint32_t rounds; ///< how often learning had to start again
    std::uint32_t learned_count;
    learned code[code_table::capacity];
    shared_texts texts;
    std::uint32_t bad_count;
    struct bad_end {
        std::uint32_t schedule;
        shared_text<1500> what;
    } bad[most_bad];
    shared_text<300> incomplete;
    std::uint32_t not_covered_count;
    struct not_covered_note {
        shared_text<100> why;
        std::uintptr_t at;
        long call;
    } not_covered[8];
    shared_maps maps;
    hold_order hold;
    schedule all[most];
};

void note_not_covered(shared_schedules& s, const char* why, std::uintptr_t at, long call = -1);
/// From what the child before this one has learned, and for the one after it.
void remember_code(const shared_schedules& s, code_table& code);
void keep_code(shared_schedules& s, const code_table& code);

struct interleaving_job {
    const race& what;
    const limits& within;
    shared_schedules* shared = nullptr;
    const schedule* only = nullptr; ///< of a replay: what is learned is learned, and then this one is run
    hold_order* hold = nullptr;
};

/// Body of a child process: learns and explores, from where the one before it has ended.
int explore_interleavings(void* interleaving_job_argument);

} // namespace nmisim::explore
