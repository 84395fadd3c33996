// SPDX-License-Identifier: MIT
//
// The memory that the sampled programs and their supervisor share, a memfd that each program maps once it has been executed:
//
//   page 0      the sampler's code, the same in all programs
//   then        head: which buffer is published, and who is inside
//   then        buffers of slots, one sample each
//   then        for each buffer room for copies of stacks
//
// It is the pattern of this project, across processes. The published word names a buffer; handlers fill it; the supervisor
// publishes another one, waits for the handlers inside, and drains the old one. Who is inside is counted as in
// rcu/srcu/counter.hpp: no handler, thread or process registers. So a program needs nothing but its mapping.
//
// What a thread of one program cannot do, a process can: be killed inside, and its count never comes back. Then grace periods
// would not end any more. Therefore the word names an *era* as well, and each era has counters of its own. A handler counts in
// the era that it has read, and reads the word again: it only takes a buffer of the era where it counts. When a grace period does
// not end, the supervisor begins another era with another buffer; the buffers of the old one are left alone until every
// process has ended.
//
//   published = generation << 32 | era << 16 | buffer
//
// A generation is one publication. A slot carries the generation that wrote it, stored last: what a buffer held before, and what
// a handler left half written that was killed, is told apart.
#pragma once

#include "exec/profile/clock.hpp"
#include "exec/profile/known_frames.hpp"
#include "own_machine.hpp" // profile/<cpu family>
#include "rcu/srcu/grace_period.hpp"

#include "base/counter.hpp"

#include "add_then_fence.hpp" // base/<cpu family>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim::exec {

/// As rcu/srcu/platform.hpp, which needs the C library for the CPU's number and a mutex: the sampler has none.
struct sampler_platform {
    template <class T>
    using atomic = std::atomic<T>;
    template <class T>
    using plain = T;
    struct mutex { // one supervisor
        void lock() noexcept {}
        void unlock() noexcept {}
    };

    static constexpr std::size_t line_size = cacheline_size;

    static unsigned current_cpu() noexcept { return own::cpu_number(); }
    static void add_then_fence(std::atomic<std::uint64_t>& number, std::memory_order) noexcept
    {
        nmisim::add_then_fence(number, 1);
    }
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
    static void pause(unsigned) noexcept {}
};

inline constexpr std::size_t sampler_lines = 64;
inline constexpr std::size_t sampler_eras = 24;
inline constexpr std::size_t sample_buffers = 64;
inline constexpr std::uint32_t most_frames = 58;
inline constexpr std::uint32_t stack_is_known = ~std::uint32_t{0}; ///< for sample_slot::copy_at

using sampler_domain = rcu::srcu_grace_period<sampler_platform, rcu::srcu_orders, sampler_lines>;

struct published_word {
    std::uint32_t generation;
    std::uint16_t era;
    std::uint16_t buffer;
};
constexpr std::uint64_t word_of(published_word p) noexcept
{
    return std::uint64_t{p.generation} << 32 | std::uint32_t{p.era} << 16 | p.buffer;
}
constexpr published_word published_in(std::uint64_t word) noexcept
{
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
}

struct sample_slot {
    std::atomic<std::uint64_t> generation; ///< stored last
    std::int32_t clock; ///< number of the descriptor whose signal it was, in the supervisor
    std::uint32_t frames;
    std::uint64_t ticks;
    std::uintptr_t sp;
    std::uintptr_t fp;
    std::uint32_t copy_at;          ///< of the stack from `sp` up, in the buffer's room for that
    std::uint32_t copied;           ///< bytes
    std::uintptr_t ip[most_frames]; ///< innermost first: the interrupted instruction, then return addresses
};
static_assert(sizeof(sample_slot) % cacheline_size == 0);

struct alignas(cacheline_size) sample_cursor {
    std::atomic<std::uint64_t> next{0};   ///< counts also those that found no room
    std::atomic<std::uint64_t> copied{0}; ///< bytes, also of those
};

struct area_head {
    alignas(cacheline_size) std::atomic<std::uint64_t> published{0};
    std::uint32_t slots = 0;     ///< of a buffer
    std::uint32_t frames = 1;    ///< most of a sample
    std::uint32_t copy_room = 0; ///< of a buffer, bytes; 0: no stack is copied
    /// Handlers that met era after era, and gave up.
    alignas(cacheline_size) std::atomic<std::uint64_t> gave_up{0};
    /// The kernel's struct sigaction, for the program that is being started.
    alignas(cacheline_size) std::uint64_t action[4]{};
    known_frames known;
    /// ... and what makes its timer, if it is to have one.
    timer_plan timer{};
    sample_cursor cursors[sample_buffers];
    sampler_domain eras[sampler_eras];
};

inline constexpr std::size_t head_offset = own::page_bytes;
inline constexpr std::size_t slots_offset =
    (head_offset + sizeof(area_head) + own::page_bytes - 1) / own::page_bytes * own::page_bytes;

inline area_head& head_of(std::uintptr_t area) noexcept
{
    return *reinterpret_cast<area_head*>(area + head_offset);
}
inline sample_slot* slots_of(std::uintptr_t area, std::uint32_t slots, std::size_t buffer) noexcept
{
    return reinterpret_cast<sample_slot*>(area + slots_offset) + buffer * slots;
}

inline std::uintptr_t copies_of(std::uintptr_t area, std::uint32_t slots, std::uint32_t room,
                                std::size_t buffer) noexcept
{
    return area + slots_offset + sample_buffers * slots * sizeof(sample_slot) + buffer * room;
}

/// Where in page 0 the sampler's code begins; before it lie the words of trace/arch.hpp's stub, for its restorer.
inline constexpr std::size_t sampler_offset = 128;

} // namespace nmisim::exec
