// SPDX-License-Identifier: MIT
//
// Finds the block of a thread by its tid, for raises from anywhere. Reading takes no lock: blocks are never freed, and each
// chain ends in the number of its bucket, so that a reader whose block has moved to another chain notices and begins
// again. Kernel: include/linux/list_nulls.h, Documentation/RCU/rculist_nulls.rst.
#pragma once

#include "runtime/thread_block.hpp"

#include <array>
#include <cstddef>

namespace nmisim::runtime {

/// From tid to block. Reading takes no lock; changes are made under the control lock.
class thread_table {
public:
    thread_table() noexcept
    {
        for (std::size_t i = 0; i < buckets; ++i)
            heads_[i].store(end_of(i), std::memory_order_relaxed); // before anybody sees it
    }

    void insert(thread_block& block, pid_t tid) noexcept
    {
        auto& head = heads_[bucket_of(tid)];
        block.next.store(head.load(std::memory_order_relaxed),
                         std::memory_order_relaxed);     // written under the lock
        block.tid.store(tid, std::memory_order_relaxed); // published by (1)
        // (1) release: the block is whole; pairs with (2)
        head.store(reinterpret_cast<std::uintptr_t>(&block), std::memory_order_release);
    }

    /// The block keeps its own link: a reader that stands on it goes on from there.
    void remove(thread_block& block, pid_t tid) noexcept
    {
        std::atomic<std::uintptr_t>* link = &heads_[bucket_of(tid)];
        for (std::uintptr_t at;
             !is_end(at = link->load(std::memory_order_relaxed));) { // written under the lock
            auto* const here = reinterpret_cast<thread_block*>(at);
            if (here == &block) {
                link->store(block.next.load(std::memory_order_relaxed),
                            std::memory_order_relaxed); // takes nothing into view
                return;
            }
            link = &here->next;
        }
    }

    /// Null where no such thread attached. The block may be another thread's by now: hold it, and look again.
    /// Context: any. Progress: lock-free.
    thread_block* find(pid_t tid) const noexcept
    {
        for (;;) {
            // (2) acquire: the block; pairs with (1)
            std::uintptr_t at = heads_[bucket_of(tid)].load(std::memory_order_acquire);
            while (!is_end(at)) {
                auto* const block = reinterpret_cast<thread_block*>(at);
                if (block->tid.load(std::memory_order_relaxed) == tid) // looked at again by whoever holds it
                    return block;
                at = block->next.load(std::memory_order_relaxed); // blocks are never freed
            }
            // A block that moved to another chain has led there: its end has another number.
            if (at == end_of(bucket_of(tid)))
                return nullptr;
        }
    }

private:
    static constexpr std::size_t buckets = 1024;
    static std::size_t bucket_of(pid_t tid) noexcept { return static_cast<std::size_t>(tid) % buckets; }
    static constexpr std::uintptr_t end_of(std::size_t bucket) noexcept { return bucket << 1 | 1; }
    static bool is_end(std::uintptr_t at) noexcept { return (at & 1) != 0; }

    std::array<std::atomic<std::uintptr_t>, buckets> heads_;
};

} // namespace nmisim::runtime
