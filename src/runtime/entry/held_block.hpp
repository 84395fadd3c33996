// SPDX-License-Identifier: MIT
//
// Whoever raises on another thread holds its block by `raisers`, and looks at the tid again: between the search and the hold
// the thread may have left and its block may be the next one's. From then on the thread cannot leave.
// A thread does not hold its own block, which it cannot leave while it raises: if a handler jumped out of the raise, the
// block would be held for ever, and the thread's end would wait for ever.
#pragma once

#include "runtime/thread_block.hpp"

namespace nmisim::runtime {

class held_block {
public:
    /// `block` was found by `tid`, or is null; `own` is the calling thread's. Context: any.
    held_block(thread_block* block, pid_t tid, const thread_block* own) noexcept
        : block_(block), counted_(block != nullptr && block != own)
    {
        if (!counted_)
            return;
        // (1) seq_cst: comes before the look at the tid; pairs with runtime/threads/attach.cpp(1), runtime/threads/outsider.cpp(1)
        block->raisers.fetch_add(1, std::memory_order_seq_cst);
        // (2) seq_cst: the owner has not begun to leave, or waits for us; pairs with runtime/threads/attach.cpp(1), runtime/threads/outsider.cpp(1)
        if (block->tid.load(std::memory_order_seq_cst) != tid) {
            let_go();
            block_ = nullptr;
        }
    }
    ~held_block()
    {
        if (block_ != nullptr)
            let_go();
    }
    held_block(const held_block&) = delete;
    held_block& operator=(const held_block&) = delete;
    /// Null if it is not that thread's any more.
    thread_block* get() const noexcept { return block_; }

private:
    void let_go() const noexcept
    {
        if (counted_)
            // (3) release: what was sent and counted; pairs with runtime/threads/attach.cpp(2), runtime/threads/outsider.cpp(2)
            block_->raisers.fetch_sub(1, std::memory_order_release);
    }
    thread_block* block_;
    bool counted_;
};

} // namespace nmisim::runtime
