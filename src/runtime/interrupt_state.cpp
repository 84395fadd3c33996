// SPDX-License-Identifier: MIT
#include "runtime/interrupt_state.hpp"

#include "base/own/own_pid.hpp"
#include "runtime/threads/attach.hpp"

#include <cerrno>
#include <new>

namespace nmisim::runtime {

interrupt_state* make_state(int signo, int& error) noexcept
{
    if (interrupt_state* const there = state_of(signo); there != nullptr)
        return there;
    auto* const made = new (std::nothrow) interrupt_state;
    if (made == nullptr) {
        error = ENOMEM;
        return nullptr;
    }
    made->signo = signo;
    made->latching = signo < SIGRTMIN;
    error = pthread_key_create(&made->key, thread_ends);
    if (error != 0) {
        delete made;
        return nullptr;
    }
    keep_own_pid();
    made->pid.store(own_pid(), std::memory_order_relaxed); // published by (3)
    made->uid.store(getuid(), std::memory_order_relaxed);  // as above
    // (3) release: the state; pairs with interrupt_state.hpp(3)
    states[static_cast<std::size_t>(signo)].store(made, std::memory_order_release);
    return made;
}

thread_block* interrupt_state::take_block() noexcept
{
    // (6) acquire: the block as it was left; pairs with (7)
    thread_block* free = free_blocks.load(std::memory_order_acquire);
    // Only the holder of the lock takes one out, so the one that is seen stays on the list until then.
    while (free != nullptr && !free_blocks.compare_exchange_weak(free, free->next_free,
                                                                 // (8) acquire: as above; pairs with (7)
                                                                 std::memory_order_acquire)) {
    }
    if (free != nullptr)
        return free;
    const std::size_t n = block_count.load(std::memory_order_relaxed); // written under the lock
    if (n == chunk_size * most_chunks)
        return nullptr;
    auto& chunk = chunks[n / chunk_size];
    if (n % chunk_size == 0) {
        auto* const made = new (std::nothrow) thread_block[chunk_size];
        if (made == nullptr)
            return nullptr;
        // (1) release: the chunk; pairs with interrupt_state.hpp(1)
        chunk.store(made, std::memory_order_release);
    }
    thread_block& fresh = chunk.load(std::memory_order_relaxed)[n % chunk_size]; // written under the lock
    fresh.owner = this;
    // (2) release: its chunk; pairs with interrupt_state.hpp(2)
    block_count.store(n + 1, std::memory_order_release);
    return &fresh;
}

void interrupt_state::give_back(thread_block& block) noexcept
{
    block.incarnation.fetch_add(1, std::memory_order_relaxed); // compared by tokens of this thread
    block.holds = 0;
    block.process_holds = false;
    block.next_free = free_blocks.load(std::memory_order_relaxed); // compared below
    // (7) release: the block as it is left; pairs with (6), (8)
    while (!free_blocks.compare_exchange_weak(block.next_free, &block, std::memory_order_release,
                                              std::memory_order_relaxed)) {
    }
}

thread_standing standing() noexcept
{
    thread_standing found;
    for (int signo = 1; signo < signals; ++signo)
        if (interrupt_state* const state = state_of(signo); state != nullptr)
            if (const thread_block* const block = block_of_this_thread(*state); block != nullptr) {
                found.attached = true;
                found.in_interrupt |= block->depth.load(std::memory_order_relaxed) != 0; // own thread's
            }
    return found;
}

void retired_list::push(published& object) noexcept
{
    published* top = top_.load(std::memory_order_relaxed); // compared below
    do {
        object.next = top;
        // (4) release: the object and its cookie; pairs with (5)
    } while (!top_.compare_exchange_weak(top, &object, std::memory_order_release, std::memory_order_relaxed));
}

void retired_list::reclaim(domain& readers) noexcept
{
    if (top_.load(std::memory_order_relaxed) == nullptr) // nothing to do
        return;
    // (5) acquire: the objects; pairs with (4)
    for (published* item = top_.exchange(nullptr, std::memory_order_acquire); item != nullptr;) {
        published* const next = item->next;
        if (readers.ended(item->cookie)) {
            item->destroy(item);
            reclaimed_.fetch_add(1, std::memory_order_relaxed); // for the books
        } else {
            push(*item);
        }
        item = next;
    }
}

} // namespace nmisim::runtime
