// SPDX-License-Identifier: MIT
//
// fork(): the child has the state and only the thread that forked. The control lock is held across the call, with all
// signals blocked; in the child the domains forget readers that are not there, blocks of other threads are free again,
// timers are gone until their thread attaches again, and the books begin anew. A child that comes about otherwise, as by
// _Fork() or clone(2), is noticed by its pid and refused.
#include "base/own/own_pid.hpp"
#include "runtime/control.hpp"
#include "runtime/threads/outsider.hpp"

#include <unistd.h>

namespace nmisim::runtime {
namespace {

/// Of the thread that forks, under the control lock.
sigset_t mask_of_the_forking_thread;

void prepare() noexcept
{
    const sigset_t all = asynchronous_signals();
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    pthread_mutex_lock(&control_mutex);
    mask_of_the_forking_thread = mask;
    for (int signo = 1; signo < signals; ++signo)
        if (interrupt_state* const state = state_of(signo);
            state != nullptr && own_block(*state) == nullptr) {
            int error = 0;
            adopt(*state, gettid(), error); // by its key the child finds it, whose tid is another one
        }
}

void parent() noexcept
{
    const sigset_t mask = mask_of_the_forking_thread;
    pthread_mutex_unlock(&control_mutex);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void settle(thread_block& block) noexcept
{
    // All relaxed: no other thread is there.
    block.pending.store(0, std::memory_order_relaxed);
    block.raises.store(0, std::memory_order_relaxed);
    block.sent.store(block.completed.load(std::memory_order_relaxed) +
                         block.dropped.load(std::memory_order_relaxed),
                     std::memory_order_relaxed);
    block.timer_armed = false;
    block.from_outside.store(false, std::memory_order_relaxed);
}

void begin_anew(interrupt_state& state) noexcept
{
    state.pid.store(own_pid(), std::memory_order_relaxed); // no other thread is there
    state.readers.reset();
    const thread_block* const own = own_block(state);
    for (std::size_t i = 0; i < state.blocks(); ++i) {
        thread_block& block = state.block(i);
        const pid_t tid = block.tid.load(std::memory_order_relaxed);         // as above
        if (tid == 0 && !block.from_outside.load(std::memory_order_relaxed)) // as above
            continue;
        settle(block);
        state.threads.remove(block, tid);
        if (&block == own) {
            state.threads.insert(block, gettid());
            continue;
        }
        block.tid.store(0, std::memory_order_relaxed);   // as above
        block.depth.store(0, std::memory_order_relaxed); // as above
        state.give_back(block);
    }
    state.outsiders.store(0, std::memory_order_relaxed); // as above
    state.base = count_all(state);
}

void child() noexcept
{
    for (int signo = 1; signo < signals; ++signo)
        if (interrupt_state* const state = state_of(signo); state != nullptr)
            begin_anew(*state);
    parent();
}

} // namespace

void watch_forks() noexcept
{
    static bool watched = false; // under the control lock
    if (!watched)
        watched = pthread_atfork(prepare, parent, child) == 0;
}

} // namespace nmisim::runtime
