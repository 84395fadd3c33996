// SPDX-License-Identifier: MIT
//
// The block of a thread that was found by its tid, held: between the search and the hold the thread may have left, and its
// block may be the next one's. A thread does not hold its own block, which it cannot leave while it raises: if a handler jumped out of
// the raise, the block would be held for ever, and the thread's end would wait for ever.
#pragma once

#include "runtime/entry/held_line.hpp"
#include "runtime/thread_block.hpp"

#include <optional>

namespace nmisim::runtime {

class held_block {
public:
    /// `block` was found by `tid`, or is null; `own` is the calling thread's. Context: any.
    held_block(thread_block* block, pid_t tid, const thread_block* own) noexcept : block_(block)
    {
        if (block == nullptr || block == own)
            return;
        held_.emplace(*block);
        if (held_->tid() != tid) {
            held_.reset();
            block_ = nullptr;
        }
    }
    /// Null if it is not that thread's any more.
    thread_block* get() const noexcept { return block_; }

private:
    thread_block* block_;
    std::optional<held_line> held_;
};

} // namespace nmisim::runtime
