// SPDX-License-Identifier: MIT
//
// Whoever sends to a thread holds its line meanwhile, and looks behind that whose it is: from then on the thread cannot
// leave, so the signal finds it.
#pragma once

#include "runtime/line.hpp"

namespace nmisim::runtime {

class held_line {
public:
    /// `raised`: what is counted with the same instruction, 0 or line::one_raise. Context: any.
    explicit held_line(line& held, std::uint64_t raised = 0) noexcept : line_(held)
    {
        // (1) seq_cst: comes before the look at the tid; pairs with runtime/line.hpp(7), runtime/line.hpp(8), machine/vcpu_thread.cpp(9)
        line_.raises.fetch_add(raised + line::one_raiser, std::memory_order_seq_cst);
    }
    ~held_line()
    {
        // (3) release: what was sent and counted; pairs with runtime/line.hpp(8)
        line_.raises.fetch_sub(taken_back_ + line::one_raiser, std::memory_order_release);
    }
    held_line(const held_line&) = delete;
    held_line& operator=(const held_line&) = delete;

    /// Whose it is; it stays that thread's. 0: nobody's.
    pid_t tid() const noexcept
    {
        // (2) seq_cst: who leaves has not begun to, or waits for us; pairs with runtime/line.hpp(6), runtime/line.hpp(7)
        return line_.tid.load(std::memory_order_seq_cst);
    }
    /// What was counted in the beginning was none.
    void was_no_raise() noexcept { taken_back_ = line::one_raise; }

private:
    line& line_;
    std::uint64_t taken_back_ = 0;
};

} // namespace nmisim::runtime
