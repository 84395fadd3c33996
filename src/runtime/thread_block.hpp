// SPDX-License-Identifier: MIT
//
// What an attached thread has at one interrupt. Blocks are never freed and never change their type; a thread that leaves
// gives its block to the next one. So whoever finds a block by tid may touch it, and looks at the tid again when it holds on
// to it. Kernel: SLAB_TYPESAFE_BY_RCU; the chains with a number at their end are include/linux/list_nulls.h.
//
//   line       what was raised on the thread (runtime/line.hpp)
//   counters   go on when the block changes hands, so that sums over all blocks are right at any time.
//
// The owner finds its block by pthread_getspecific(), which is a plain load for the first 32 keys of a process in glibc, and
// two loads for the others of a thread that has set one.
#pragma once

#include "runtime/line.hpp"

#include <atomic>
#include <cstdint>
#include <ctime>

namespace nmisim::runtime {

struct interrupt_state;

struct thread_block : line {
    // Written by the thread.
    std::atomic<std::uint32_t> depth{0}; ///< handlers under way on this thread
    std::atomic<std::uint64_t> absorbed{0};
    std::atomic<std::uint64_t> echoes{0};
    std::atomic<std::uint64_t> timer_events{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> expirations_dropped{0};
    std::atomic<void*> user{nullptr};

    // Under the control lock.
    alignas(cacheline_size) interrupt_state* owner = nullptr;
    thread_block* next_free = nullptr; ///< written by the thread that has left
    std::atomic<std::uint64_t> incarnation{0};
    unsigned holds = 0;
    bool process_holds = false; ///< one of them is attach_process()'s
    bool timer_armed = false;
    std::atomic<bool> from_outside{false}; ///< others attached the thread: there is a witness
    timer_t timer{};
    timer_t witness{};

    /// Of the chain by tid; see thread_table.
    std::atomic<std::uintptr_t> next{0};

    /// Of a block that the calling thread finds by its key: it has begun to leave, and no handler of others changes its mind.
    bool is_leaving() const noexcept { return tid.load(std::memory_order_relaxed) == 0; } // own thread's
};

} // namespace nmisim::runtime
