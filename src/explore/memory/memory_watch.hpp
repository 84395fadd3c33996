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

/// Room for so many. What is not written costs no memory, and each is written before it is read.
template <class T>
class room_for {
public:
    explicit room_for(std::size_t count) : size_(count), first_(std::make_unique_for_overwrite<T[]>(count)) {}
    std::size_t size() const noexcept { return size_; }
    T& operator[](std::size_t i) noexcept { return first_[i]; }
    const T& operator[](std::size_t i) const noexcept { return first_[i]; }

private:
    static_assert(std::is_trivially_default_constructible_v<T>);
    std::size_t size_;
    std::unique_ptr<T[]> first_;
};

class memory_watch final : public instruction_watch {
public:
    static constexpr std::size_t most_points = 8192;

    /// `who`: the number of the thread. Of two with store buffers, `other` is bound later.
    memory_watch(code_table& code, origins& values, sleepers& others, unsigned who, bool buffered);
    void bind(memory_watch& other) noexcept { other_ = &other; }

    /// Before each run. `stepped`: everything is noted.
    void begin(bool stepped, std::uintptr_t thread_base) noexcept;
    /// Pause before the point of this number, counted from 0; no_stop: nowhere.
    void stop_at(std::uint32_t point) noexcept
    {
        stop_at_ = point;
        rounds_ip_ = 0;
    }
    /// Pause before the point at `ip`, when the thread has been there `rounds` times.
    void stop_after_rounds(std::uintptr_t ip, std::uint32_t rounds) noexcept;
    /// An NMI comes before the point of this number, or at the end if there is none; no_stop: none comes.
    void nmi_at(std::uint32_t point) noexcept { nmi_at_ = point; }
    /// The same, before the point at `ip`, when the thread has been there `rounds` times.
    void nmi_after_rounds(std::uintptr_t ip, std::uint32_t rounds) noexcept;
    /// The point that it came before, also where that was not known before the run.
    std::uint32_t nmi_came_at() const noexcept { return nmi_at_; }
    bool nmi_taken() const noexcept { return nmi_taken_; }
    /// What the last instruction stored is in memory.
    void settle() noexcept;
    next before(const ucontext_t& at) noexcept override;
    next before_call(const ucontext_t& at, const arch::system_call& call) noexcept override;
    bool nmi_at_end() noexcept override;
    void nmi_ended() noexcept override;

    // What the run has shown.
    std::uint32_t points() const noexcept { return points_; }
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
    std::size_t access_count() const noexcept { return access_count_; }
    const room_for<std::uintptr_t>& unknown() const noexcept { return unknown_; }
    std::size_t unknown_count() const noexcept { return unknown_count_; }
    /// The decoder said that it only reads, and its operand changed; 0: none.
    std::uintptr_t wrong_flag() const noexcept { return wrong_flag_; }
    /// What could not be followed: a literal and where; nullptr: nothing.
    const char* not_covered() const noexcept { return not_covered_; }
    std::uintptr_t not_covered_at() const noexcept { return not_covered_at_; }
    long not_covered_call() const noexcept { return not_covered_call_; }

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
    bool nmi_is_due(std::uintptr_t ip) noexcept;
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
    std::uint32_t stop_at_ = no_stop;
    std::uintptr_t rounds_ip_ = 0; ///< not 0: stop_at_ is known when the thread comes there often enough
    std::uint32_t rounds_ = 0;
    std::uint32_t nmi_at_ = no_stop;
    std::uintptr_t nmi_ip_ = 0; ///< not 0: nmi_at_ is known when the thread comes there often enough
    std::uint32_t nmi_rounds_ = 0;
    bool nmi_taken_ = false;
    std::uint32_t points_ = 0;
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
    std::size_t access_count_ = 0;
    room_for<std::uintptr_t> unknown_;
    std::size_t unknown_count_ = 0;
    std::array<operand_before, 3> only_read_{};
    unsigned only_read_count_ = 0;
    std::uintptr_t only_read_by_ = 0;
    std::uintptr_t wrong_flag_ = 0;
    const char* not_covered_ = nullptr;
    std::uintptr_t not_covered_at_ = 0;
    long not_covered_call_ = -1;
};

} // namespace nmisim::explore
