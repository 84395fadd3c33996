// SPDX-License-Identifier: MIT
#include "runtime/control.hpp"
#include "runtime/signals.hpp"
#include "runtime/threads/outsider.hpp"
#include "runtime/threads/task_status.hpp"

namespace nmisim::runtime {
namespace {

std::uint64_t read(const std::atomic<std::uint64_t>& count) noexcept
{
    return count.load(std::memory_order_relaxed); // counters stand for themselves
}

} // namespace

interrupt_books count_all(interrupt_state& state) noexcept
{
    interrupt_books sum;
    for (std::size_t i = 0; i < state.blocks(); ++i) {
        const thread_block& block = state.block(i);
        sum.handled += read(block.completed);
        sum.dropped += read(block.dropped);
        sum.raised += read(block.sent);
        sum.coalesced += read(block.coalesced);
        sum.absorbed += read(block.absorbed);
        sum.echoes += read(block.echoes);
        sum.timer_events += read(block.timer_events);
        sum.expirations += read(block.expirations);
        sum.expirations_dropped += read(block.expirations_dropped);
    }
    for (const unattached_counts& counts : state.unattached) {
        sum.unattached_handled += read(counts.handled);
        sum.foreign += read(counts.foreign);
        sum.expirations_dropped += read(counts.other);
    }
    sum.foreign_ignored = read(kept_actions[static_cast<std::size_t>(state.signo)].ignored);
    sum.unattached_raised = read(state.unattached_raised);
    sum.rejected = read(state.rejected);
    sum.no_thread = read(state.no_thread);
    sum.timed_out = read(state.timed_out);
    sum.begun_unattached = read(state.begun_unattached);
    sum.reclaimed = state.retired.reclaimed();
    return sum;
}

interrupt_books read_books(interrupt_state& state) noexcept
{
    settle_ended(state);
    interrupt_books now = count_all(state);
    interrupt_books base;
    {
        const control_section section;
        base = state.base;
    }
    for (std::uint64_t interrupt_books::*const field :
         {&interrupt_books::raised, &interrupt_books::handled, &interrupt_books::dropped,
          &interrupt_books::coalesced, &interrupt_books::absorbed, &interrupt_books::echoes,
          &interrupt_books::rejected, &interrupt_books::no_thread, &interrupt_books::unattached_raised,
          &interrupt_books::unattached_handled, &interrupt_books::timer_events, &interrupt_books::expirations,
          &interrupt_books::expirations_dropped, &interrupt_books::foreign, &interrupt_books::foreign_ignored,
          &interrupt_books::timed_out, &interrupt_books::reclaimed, &interrupt_books::begun_unattached})
        now.*field -= base.*field;
    for (std::size_t i = 0; i < state.blocks(); ++i)
        if (const pid_t tid = state.block(i).tid.load(std::memory_order_relaxed);
            tid != 0) { // only asked about
            ++now.attached;
            now.blocked += blocks_signal(tid, state.signo) ? 1 : 0;
        }
    now.replaced = !is_installed(state.signo);
    return now;
}

} // namespace nmisim::runtime
