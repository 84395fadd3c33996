// SPDX-License-Identifier: MIT
//
// All that a signal of ours may touch: one state per signal number, made when it is first opened and never freed. After
// close() it stays, forwards what is foreign, and may be opened again.
//
//   table     what an event runs: immutable, published by RCU, null on a closed interrupt
//   retired   objects that nobody reaches any more and some handler may still use, with their cookies
#pragma once

#include "nmisim/slot.hpp"
#include "runtime/control_lock.hpp"
#include "runtime/domain.hpp"
#include "runtime/entry/forward.hpp"
#include "runtime/thread_table.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <pthread.h>
#include <unistd.h>

namespace nmisim::runtime {

struct slot_state : published {
    interrupt_state* owner = nullptr;
    std::atomic<published*> object{nullptr};
};

struct slot_table : published {
    static constexpr unsigned most = 32;
    unsigned count = 0;
    std::array<slot_state*, most> slots{};
};

/// Objects on their way out. Pushing takes no lock; whoever reclaims takes all of it and puts back what is not ready.
class retired_list {
public:
    /// Context: any. Progress: lock-free.
    void push(published& object) noexcept;
    /// Destroys what no handler can use any more. Context: control.
    void reclaim(domain& readers) noexcept;
    std::uint64_t reclaimed() const noexcept
    {
        return reclaimed_.load(std::memory_order_relaxed);
    } // stands for itself

private:
    std::atomic<published*> top_{nullptr};
    std::atomic<std::uint64_t> reclaimed_{0};
};

/// Counts of arrivals on threads without a block; by CPU, so that a storm shares no line.
struct alignas(cacheline_size) unattached_counts {
    std::atomic<std::uint64_t> handled{0};
    std::atomic<std::uint64_t> foreign{0};
    std::atomic<std::uint64_t> other{0}; ///< expirations of timers of threads that have left
};

struct interrupt_state {
    int signo = 0;
    bool latching = false;     ///< a standard signal: one is pending at most
    pthread_key_t key{};       ///< each attached thread's block
    std::atomic<pid_t> pid{0}; ///< of the process it works in
    std::atomic<uid_t> uid{0};

    std::atomic<bool> open{false};
    std::atomic<std::uint64_t> opening{0};
    std::atomic<slot_table*> table{nullptr};

    domain readers;
    thread_table threads;
    retired_list retired;
    std::array<unattached_counts, domain::lines> unattached;
    std::atomic<std::uint64_t> unattached_raised{0};
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> no_thread{0};
    std::atomic<std::uint64_t> timed_out{0};
    std::atomic<std::uint64_t> begun_unattached{0};

    std::atomic<unsigned> outsiders{0};     ///< blocks of threads that others attached
    std::atomic<bool> whole_process{false}; ///< threads that begin attach too; under the control lock
    attach_options for_process{};           ///< with these; under the control lock
    interrupt_books base{}; ///< what the counters showed when it was opened; under the control lock

    // Blocks: chunks that are never freed. Made under the control lock; read by anybody.
    static constexpr std::size_t chunk_size = 64, most_chunks = 4096;
    std::array<std::atomic<thread_block*>, most_chunks> chunks{};
    std::atomic<std::size_t> block_count{0}; ///< that were ever used
    std::atomic<thread_block*> free_blocks{nullptr};

    thread_block& block(std::size_t i) noexcept
    {
        // (1) acquire: the chunk; pairs with interrupt_state.cpp(1)
        return chunks[i / chunk_size].load(std::memory_order_acquire)[i % chunk_size];
    }
    std::size_t blocks() const noexcept
    {
        return block_count.load(
            std::memory_order_acquire); // (2) acquire: their chunks; pairs with interrupt_state.cpp(2)
    }
    /// Null where there is no memory. Under the control lock.
    thread_block* take_block() noexcept;
    /// Context: whoever has the block alone. Progress: lock-free.
    void give_back(thread_block& block) noexcept;
};

/// By signal number; constant once it is set.
extern constinit std::array<std::atomic<interrupt_state*>, signals> states;

inline interrupt_state* state_of(int signo) noexcept
{
    // (3) acquire: the state; pairs with interrupt_state.cpp(3)
    return states[static_cast<std::size_t>(signo)].load(std::memory_order_acquire);
}

/// The calling thread's block, null where it never attached. Context: any.
inline thread_block* own_block(const interrupt_state& state) noexcept
{
    return static_cast<thread_block*>(pthread_getspecific(state.key));
}

/// The same, also where others attached the thread; a system call if there are such threads. Context: any.
inline thread_block* block_of_this_thread(const interrupt_state& state) noexcept
{
    thread_block* const own = own_block(state);
    return own == nullptr && state.outsiders.load(std::memory_order_relaxed) != 0 // its own is counted
               ? state.threads.find(gettid())
               : own;
}

/// What is known of the calling thread: all interrupts that it attached to.
struct thread_standing {
    bool attached = false;
    bool in_interrupt = false;
};
thread_standing standing() noexcept;

/// Made once, never freed; null with `error`. Under the control lock.
interrupt_state* make_state(int signo, int& error) noexcept;

} // namespace nmisim::runtime
