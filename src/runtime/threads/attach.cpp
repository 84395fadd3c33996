// SPDX-License-Identifier: MIT
//
// How a thread attaches and leaves.
//
//   attach   block taken, or the one that others gave the thread (outsider.hpp); key set, timer armed, tid findable: from
//            then on the thread's end leaves by itself
//   detach   tid taken off, raises under way waited for, with all signals blocked. Then they are open again: what is pending
//            arrives and finds the block by the key. On a thread that blocks the signal it is taken off instead.
//   end      the key's destructor: the same, with the signal blocked until the thread is gone, so nothing of ours runs on a
//            stack that is being unmapped. What is pending is taken off.
//   last     the timer is deleted: before, it would take its pending signal along, and the books would not know. Then the key
//            is cleared, and then the block is the next one's.
//
// Each of these costs system calls, and those are all that attaching costs: so none is made twice.
#include "runtime/threads/attach.hpp"

#include "base/own/own_tid.hpp"
#include "base/signal_mask.hpp"
#include "runtime/origin.hpp"
#include "runtime/threads/outsider.hpp"
#include "runtime/threads/pending.hpp"
#include "runtime/threads/thread_timer.hpp"
#include "runtime/wait.hpp"

#include <cerrno>

namespace nmisim::runtime {
namespace {

/// Pending signals come off, and timers' are booked. What is foreign goes to the process: this thread will not take it.
void take_off_pending(interrupt_state& state, thread_block& block) noexcept
{
    pending_signals pending(state.signo);
    siginfo_t info{};
    while (pending.has_room() && pending.next(info))
        switch (origin_of(info, state.pid.load(std::memory_order_relaxed))) { // constant in a process
        case origin::timer:
            block.expirations_dropped.fetch_add(1 + static_cast<std::uint64_t>(info.si_overrun),
                                                std::memory_order_relaxed); // for the books
            break;
        case origin::counted: // dropped with all that was raised and not handled
        case origin::unattached:
        case origin::stamped: break;
        case origin::lost:
            if (!state.latching ||
                block.pending.load(std::memory_order_relaxed) == 0) // nobody sets it any more
                pending.is_foreign(info);
            break;
        case origin::foreign: pending.is_foreign(info); break;
        }
}

/// From here on nobody finds the thread, and all that was raised on it is pending or handled. With all signals blocked.
own_timer cannot_be_found(interrupt_state& state, thread_block& block) noexcept
{
    own_timer timer;
    {
        const control_guard guard;
        state.threads.remove(block, block.tid.load(std::memory_order_relaxed)); // written under the lock
        delete_witness(state, block); // from here on nobody else looks for its end
        timer = take_timer(block);
        block.refuse_raises();
    }
    wait_until(deadline::none(), [&] { return !block.is_held(); });
    return timer;
}

} // namespace

bool is_open(const interrupt_state& state, std::uint64_t opening) noexcept
{
    return state.open.load(std::memory_order_relaxed) &&
           state.opening.load(std::memory_order_relaxed) == opening; // both change under the control lock
}

thread_block* attach_here(interrupt_state& state, const attach_options& options, int& error) noexcept
{
    const pid_t tid = own_tid();
    error = 0;
    thread_block* block = own_block(state);
    if (block != nullptr && block->is_leaving()) {
        error = EBUSY;
        return nullptr;
    }
    if (block == nullptr)
        block = adopt(state, tid, error);
    const bool fresh = block == nullptr;
    if (error != 0)
        return nullptr;
    if (fresh) {
        block = state.take_block();
        error = block == nullptr ? ENOMEM : pthread_setspecific(state.key, block);
        if (error != 0) {
            if (block != nullptr)
                state.give_back(*block);
            return nullptr;
        }
    }
    block->user.store(options.user, std::memory_order_relaxed); // own thread's; the signal is blocked
    if (!block->timer_armed && (options.cpu_hz != 0 || options.wall_hz != 0)) {
        error = make_timer(state, *block, options, tid);
        if (error == 0)
            error = start_timer(*block, options);
    }
    if (error != 0) {
        if (fresh) {
            pthread_setspecific(state.key, nullptr);
            state.give_back(*block);
        }
        return nullptr;
    }
    if (fresh)
        state.threads.insert(*block, tid);
    ++block->holds;
    return block;
}

thread_block* attach(interrupt_state& state, std::uint64_t opening, const attach_options& options,
                     int& error) noexcept
{
    const control_section section;
    error = is_open(state, opening) ? 0 : ECANCELED;
    return error == 0 ? attach_here(state, options, error) : nullptr;
}

void detach(thread_block& block, std::uint64_t incarnation) noexcept
{
    interrupt_state& state = *block.owner;
    if (own_block(state) != &block || block.incarnation.load(std::memory_order_relaxed) != incarnation)
        return; // relaxed: own thread's block
    if (block.holds != 0)
        --block.holds;
    if (block.holds != 0 || block.is_leaving() || standing().in_interrupt)
        return;
    own_timer timer;
    {
        const signals_blocked blocked; // all that can wait: the control lock wants that
        timer = cannot_be_found(state, block);
        if (blocked.before(state.signo))
            take_off_pending(state, block);
    }
    // What was pending has arrived, here or at a handler that others have put in our place.
    timer.end();
    block.drop_the_rest();
    pthread_setspecific(state.key, nullptr);
    state.give_back(block);
}

extern "C" void thread_ends(void* block)
{
    auto& self = *static_cast<thread_block*>(block);
    interrupt_state& state = *self.owner;
    signals_blocked blocked;
    blocked.keep(state.signo);
    own_timer timer = cannot_be_found(state, self);
    take_off_pending(state, self);
    // What the timer sends in between ends with the thread.
    timer.end();
    self.drop_the_rest();
    state.give_back(self);
}

} // namespace nmisim::runtime
