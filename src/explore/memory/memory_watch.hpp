// SPDX-License-Identifier: MIT
//
// One thread of a map, seen from its own trap handler: where it may pause, what it reads and writes, and its store buffer.
//
// The places where it may pause are its points: accesses to bytes that another thread touches too, one of the two
// writing. They are counted as they come on the way that this run takes; so a run that branches otherwise is followed.
//
// In a run that steps, everything is noted: instructions that are not known yet, each access, and whether an operand that
// the decoder calls only read has changed. In a run with breakpoints at the points alone, the breakpoints where known
// code ends (frontier) tell that the run went elsewhere: it is then made again, stepped.
//
// Context: before() and before_call() in the trap handler; the rest in the exploring thread, this one at rest or held.
#pragma once

#include "explore/memory/call_accesses.hpp"
#include "explore/memory/code_table.hpp"
#include "explore/memory/instruction_watch.hpp"
#include "explore/memory/origins.hpp"
#include "explore/memory/seen_loads.hpp"
#include "explore/memory/sleepers.hpp"
#include "explore/memory/store_buffer.hpp"

#include <memory>
#include <type_traits>

namespace nmisim::explore {

inline constexpr std::uint32_t no_stop = ~std::uint32_t{0};

/// Bytes that stand for what the kernel keeps, and that no program can have.
inline constexpr std::uintptr_t kernel_byte = 1;
inline constexpr std::uintptr_t barrier_byte = 2; ///< all store buffers

struct access_note {
    std::uintptr_t ip;
    std::uintptr_t address;
    std::uint32_t size;
    bool reads;
    bool writes;
};

/// A place where the thread could pause, and what would have been in its buffer.
struct point_note {
    std::uintptr_t ip;
    std::uint32_t waiting;   ///< stores
    std::uint32_t overtaken; ///< a bit for each of them
    bool useful;             ///< a pause with all stores drained is another schedule than without it
    std::uint64_t thread;    ///< see memory_watch::state()
    std::uint64_t memory;    ///< see origins::state()
    std::uint32_t changes;   ///< so many, by all threads
    thread_set asleep;       ///< who sleeps there
    bool may_sleep;          ///< before it
};

/// The point of this number, counted from 0. Where that is not known before the run: at `ip`, when the thread has been there
/// `rounds` times.
struct wanted_point {
    std::uint32_t number = no_stop; ///< no_stop: none
    std::uintptr_t ip = 0;          ///< not 0: `number` is known when the thread comes there often enough
    std::uint32_t rounds = 0;
};

/// What could not be followed.
struct gap_in_cover {
    const char* why = nullptr; ///< a literal; nullptr: nothing
    std::uintptr_t at = 0;
    long call = -1;
};

/// Room for so many. What is not written costs no memory.
template <class T>
class room_for {
public:
    explicit room_for(std::size_t most) : most_(most), first_(std::make_unique_for_overwrite<T[]>(most)) {}
    void clear() noexcept { count_ = 0; }
    /// False: there is no more room.
    bool add(const T& one) noexcept
    {
        if (count_ == most_)
            return false;
        first_[count_++] = one;
        return true;
    }
    std::size_t count() const noexcept { return count_; }
    const T& operator[](std::size_t i) const noexcept { return first_[i]; }
    const T* begin() const noexcept { return first_.get(); }
    const T* end() const noexcept { return first_.get() + count_; }

private:
    static_assert(std::is_trivially_default_constructible_v<T>);
    std::size_t most_;
    std::size_t count_ = 0;
    std::unique_ptr<T[]> first_;
};

class memory_watch final : public instruction_watch {
public:
    /// `who`: the number of the thread. Of two with store buffers, `other` is bound later.
    memory_watch(code_table& code, origins& values, sleepers& others, unsigned who, bool buffered);
    void bind(memory_watch& other) noexcept { other_ = &other; }

    /// Before each run. `stepped`: everything is noted.
    void begin(bool stepped, std::uintptr_t thread_base) noexcept;
    void stop_before(const wanted_point& p) noexcept { stop_ = p; }
    /// An NMI comes, at the end if there is no point of that number.
    void nmi_before(const wanted_point& p) noexcept { nmi_ = p; }
    /// The point that it came before, also where that was not known before the run.
    std::uint32_t nmi_came_at() const noexcept { return nmi_.number; }
    bool nmi_taken() const noexcept { return nmi_taken_; }
    /// What the last instruction stored is in memory.
    void settle() noexcept;
    next before(const ucontext_t& at) noexcept override;
    next before_call(const ucontext_t& at, const arch::system_call& call) noexcept override;
    bool nmi_at_end() noexcept override;
    void nmi_ended() noexcept override;

    // What the run has shown.
    std::uint32_t points() const noexcept { return static_cast<std::uint32_t>(notes_.count()); }
    const point_note& point(std::uint32_t n) const noexcept { return notes_[n]; }
    /// How many of the first `points` points were at `ip`.
    std::uint32_t rounds_at(std::uintptr_t ip, std::uint32_t points) const noexcept;
    /// As a point would be, where the thread is now.
    point_note here(std::uintptr_t ip) const noexcept;
    std::uintptr_t stopped_at() const noexcept { return stopped_at_; }
    /// Of all that it has loaded from shared bytes: where it came from, in order. What it does depends on nothing else.
    std::uint64_t history() const noexcept { return history_; }
    /// Equal in two runs of this thread: it is at the same place (`ip`, or 0: where it waits or has ended), and all that it
    /// has is the same.
    std::uint64_t state(std::uintptr_t ip) const noexcept
    {
        return mixed(mixed(history_, shared_stored_), ip);
    }
    const room_for<access_note>& accesses() const noexcept { return accesses_; }
    const room_for<std::uintptr_t>& unknown() const noexcept { return unknown_; }
    /// The decoder said that it only reads, and its operand changed; 0: none.
    std::uintptr_t wrong_flag() const noexcept { return wrong_flag_; }
    const gap_in_cover& not_covered() const noexcept { return not_covered_; }

    store_buffer buffer;

private:
    struct operand_before {
        byte_range where{};
        std::array<unsigned char, waiting_store::most_bytes> bytes{};
    };
    next note_unknown(std::uintptr_t ip) noexcept;
    next check_target(const instruction& i, const ucontext_t& at) noexcept;
    void note_access(std::uintptr_t ip, byte_range where, bool reads, bool writes) noexcept;
    void note_all(const instruction& i, const ucontext_t& at) noexcept;
    void refuse(const char* why, std::uintptr_t ip, long call = -1) noexcept;
    void check_what_was_only_read() noexcept;
    bool begin_nmi(bool due) noexcept;
    bool is_at(wanted_point& p, std::uintptr_t ip) const noexcept;
    next at_point(const known_instruction& k) noexcept;
    void note_next(const instruction& i, const ucontext_t& at) noexcept;
    bool waits_for_a_change(const instruction& i, const ucontext_t& at, bool of_a_point) noexcept;
    void do_accesses(const instruction& i, const ucontext_t& at) noexcept;
    void remember(std::uintptr_t ip, byte_range touched, bool reads, bool writes) noexcept;

    code_table& code_;
    origins& values_;
    sleepers& others_;
    memory_watch* other_ = nullptr;
    unsigned who_;
    bool buffered_;
    bool stepped_ = false;
    std::uintptr_t thread_base_ = 0;
    wanted_point stop_;
    wanted_point nmi_;
    bool nmi_taken_ = false;
    std::uintptr_t stopped_at_ = 0;
    unsigned same_value_ = 0; ///< how often this load has given the same value
    seen_loads loads_;
    std::uint64_t shared_stores_ = 0;
    std::uint64_t history_ = 0;
    std::array<byte_range, 3> stores_{}; ///< of the last instruction, to shared bytes
    unsigned store_count_ = 0;
    std::uint64_t shared_stored_ = 0; ///< so many, in this run
    room_for<point_note> notes_;
    room_for<access_note> accesses_;
    room_for<std::uintptr_t> unknown_;
    std::array<operand_before, 3> only_read_{};
    unsigned only_read_count_ = 0;
    std::uintptr_t only_read_by_ = 0;
    std::uintptr_t wrong_flag_ = 0;
    gap_in_cover not_covered_;
};

} // namespace nmisim::explore
