// SPDX-License-Identifier: MIT
#include "runtime/control.hpp"

#include "runtime/entry/arrive.hpp"
#include "runtime/signals.hpp"
#include "runtime/slots.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/threads/outsider.hpp"
#include "runtime/threads/thread_timer.hpp"
#include "runtime/wait.hpp"

#include <cerrno>

namespace nmisim::runtime {
namespace {

/// A signal that the processor sends for an error would come back for ever; two cannot be caught.
bool may_be_taken(int signo) noexcept
{
    switch (signo) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT: return false;
    default: return signo > 0 && signo < signals;
    }
}

/// All that was raised there up to now is handled, or died with the thread.
bool is_done(interrupt_state& state, thread_block& block, std::uint64_t& sent_then) noexcept
{
    if (!block.drained_to(sent_then) &&
        block.from_outside.load(std::memory_order_relaxed)) { // looked at under the lock
        const control_section section;
        settle_if_ended(state, block);
    }
    return block.drained_to(sent_then);
}

/// The end of the program: what no handler uses is destroyed, what one may use is left to the process's end.
[[gnu::destructor]] void reclaim_at_end() noexcept
{
    if (standing().in_interrupt)
        return;
    for (int signo = 1; signo < signals; ++signo)
        if (interrupt_state* const state = state_of(signo); state != nullptr)
            state->retired.reclaim(state->readers);
}

} // namespace

interrupt_state* open_interrupt(int signo, std::uint64_t& opening, int& error) noexcept
{
    if (!may_be_taken(signo)) {
        error = EINVAL;
        return nullptr;
    }
    const control_section section;
    error = 0;
    interrupt_state* const state = make_state(signo, error);
    if (state == nullptr)
        return nullptr;
    error = take_signal(signo, arrive, signal_set());
    if (error != 0)
        return nullptr;
    watch_forks();
    state->base = count_all(*state);
    opening = state->opening.load(std::memory_order_relaxed) + 1; // under the control lock
    state->opening.store(opening, std::memory_order_relaxed);     // as above
    state->open.store(true, std::memory_order_relaxed);           // as above
    return state;
}

outcome close_interrupt(interrupt_state& state, std::uint64_t opening, deadline limit) noexcept
{
    const outcome may = may_wait(state, limit);
    if (may == outcome::refused_in_child)
        return may;
    {
        const control_section section;
        if (is_open(state, opening)) {
            state.open.store(false, std::memory_order_relaxed);          // under the control lock
            state.whole_process.store(false, std::memory_order_relaxed); // as above
            give_signal_back(state.signo, arrive); // for late ones, and for what is foreign
            take_all_out(state);
            for (std::size_t i = 0; i < state.blocks(); ++i)
                delete_timer(state.block(i));
        }
    }
    if (may != outcome::drained)
        return may;
    const outcome result = wait_for_handlers(state, limit);
    state.retired.reclaim(state.readers);
    return result;
}

outcome drain(interrupt_state& state, deadline limit) noexcept
{
    if (const outcome answer = may_wait(state, limit); answer != outcome::drained)
        return answer;
    const std::size_t blocks = state.blocks();
    const std::uint64_t begin = now_ns();
    for (std::size_t i = 0; i < blocks; ++i) {
        thread_block& block = state.block(i);
        std::uint64_t sent_then = UINT64_MAX; // what this thread raised, it sees
        const std::uint64_t waited = now_ns() - begin;
        const deadline left =
            limit.is_none() ? limit : deadline(limit.ns() - static_cast<std::int64_t>(waited));
        if (!wait_until(left, [&] { return is_done(state, block, sent_then); }))
            return outcome::timed_out;
    }
    return outcome::drained;
}

} // namespace nmisim::runtime
