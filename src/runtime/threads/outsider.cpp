// SPDX-License-Identifier: MIT
#include "runtime/threads/outsider.hpp"

#include "base/own/own_tid.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/threads/task_status.hpp"
#include "runtime/threads/thread_timer.hpp"

#include <cerrno>
#include <unistd.h>

namespace nmisim::runtime {
namespace {

/// The number of a main thread stays when pthread_exit() has ended it, with its clock.
bool is_dead_main_thread(pid_t tid) noexcept
{
    return tid == getpid() && is_zombie(tid);
}

/// One hold of the process, however often it is attached; and a timer if it has none.
attaching attach_again(interrupt_state& state, thread_block& block, pid_t tid, const attach_options& options,
                       int& error) noexcept
{
    if (!block.process_holds) {
        block.process_holds = true;
        ++block.holds;
    }
    if ((options.cpu_hz == 0 && options.wall_hz == 0) || block.timer_armed)
        return attaching::already;
    error = make_timer(state, block, options, tid);
    if (error == 0)
        error = start_timer(block, options);
    return error == 0 ? attaching::already : attaching::failed;
}

attaching attach_other(interrupt_state& state, pid_t tid, const attach_options& options, int& error) noexcept
{
    if (is_dead_main_thread(tid))
        return attaching::ended;
    thread_block* const block = state.take_block();
    error = block == nullptr ? ENOMEM : make_witness(state, *block, tid);
    if (error == 0)
        error = make_timer(state, *block, options, tid);
    if (error != 0) {
        if (block != nullptr) {
            delete_witness(state, *block);
            state.give_back(*block);
        }
        return error == EINVAL ? attaching::ended : attaching::failed;
    }
    block->user.store(options.user, std::memory_order_relaxed); // published with the tid
    block->holds = 1;
    block->process_holds = true;
    state.threads.insert(*block, tid);
    // After that: a handler must find the block.
    if (block->timer_armed)
        start_timer(*block, options); // fails for a thread that has ended, as a later look will see
    return attaching::done;
}

} // namespace

attaching attach_from_outside(interrupt_state& state, std::uint64_t opening, pid_t tid,
                              const attach_options& options, int& error) noexcept
{
    const control_section section;
    error = is_open(state, opening) ? 0 : ECANCELED;
    if (error != 0)
        return attaching::failed;
    if (tid == own_tid())
        return attach_self(state, options, error);
    if (thread_block* const block = state.threads.find(tid); block != nullptr)
        return attach_again(state, *block, tid, options, error);
    return attach_other(state, tid, options, error);
}

attaching attach_self(interrupt_state& state, const attach_options& options, int& error) noexcept
{
    const pid_t tid = own_tid();
    thread_block* block = own_block(state);
    if (block == nullptr)
        block = adopt(state, tid, error);
    if (block != nullptr && !block->is_leaving())
        return attach_again(state, *block, tid, options, error);
    block = attach_here(state, options, error);
    if (block == nullptr)
        return attaching::failed;
    block->process_holds = true; // the hold that it came with
    return attaching::done;
}

thread_block* adopt(interrupt_state& state, pid_t tid, int& error) noexcept
{
    thread_block* const block = state.outsiders.load(std::memory_order_relaxed) != 0
                                    ? state.threads.find(tid)
                                    : nullptr; // under the lock
    if (block == nullptr)
        return nullptr;
    settle_if_ended(state, *block);                        // the thread that had this number before
    if (block->tid.load(std::memory_order_relaxed) != tid) // written under the lock
        return nullptr;
    error = pthread_setspecific(state.key, block);
    return error == 0 ? block : nullptr;
}

void settle_if_ended(interrupt_state& state, thread_block& block) noexcept
{
    if (!block.from_outside.load(std::memory_order_relaxed)) // written under the lock
        return;
    if (const pid_t tid = block.tid.load(std::memory_order_relaxed); tid != 0) { // as above
        if (!witness_says_ended(block) && !is_dead_main_thread(tid))
            return;
        state.threads.remove(block, tid);
        block.refuse_raises();
    }
    if (block.is_held()) // what they sent is not lost yet
        return;
    block.depth.store(0, std::memory_order_relaxed); // nobody has it any more; it may have ended in a handler
    block.drop_the_rest();
    delete_timer(block);
    delete_witness(state, block);
    state.give_back(block);
}

void settle_ended(interrupt_state& state) noexcept
{
    if (state.outsiders.load(std::memory_order_relaxed) ==
        0) // a thread that is attached meanwhile has not ended
        return;
    const control_section section;
    for (std::size_t i = 0; i < state.blocks(); ++i)
        settle_if_ended(state, state.block(i));
}

} // namespace nmisim::runtime
