// SPDX-License-Identifier: MIT
//
// From the signal to the handlers. One arrival can be up to three things:
//
//   a raise   on a standard signal the latch says so, whatever arrived: the kernel keeps one pending signal, so ours may have
//             merged with another one, or lost its payload. The books call that absorbed; if ours comes after all, it finds the
//             latch empty and is an echo. On a real-time signal each payload is a raise.
//   a timer   beside it: it stands for 1 + si_overrun expirations
//   foreign   forwarded, after our own section has ended
#include "base/errno_guard.hpp"
#include "runtime/entry/arrive.hpp"
#include "runtime/interrupt_state.hpp"
#include "runtime/origin.hpp"

#include <unistd.h>

namespace nmisim {

pid_t event::tid() const noexcept
{
    return known_tid != 0 ? known_tid : gettid();
}

namespace runtime {

constinit std::array<std::atomic<interrupt_state*>, signals> states{};

namespace {

/// One event: each slot's object, in order, in one section.
void run(interrupt_state& state, const thread_block* block, siginfo_t& info, void* context,
         std::uint64_t weight) noexcept
{
    event e;
    e.regs.uc = static_cast<const ucontext_t*>(context);
    e.info = &info;
    e.weight = weight;
    if (block != nullptr) {
        e.user = block->user.load(std::memory_order_relaxed);     // own thread's
        e.known_tid = block->tid.load(std::memory_order_relaxed); // as above
    }
    const domain::mark here = state.readers.enter();
    // (1) seq_cst: comes after the reader's count, and sees the whole table; pairs with slots.cpp(1)
    if (const slot_table* const table = state.table.load(std::memory_order_seq_cst); table != nullptr)
        for (unsigned i = 0; i < table->count; ++i)
            // (2) seq_cst: comes after the reader's count, and sees the whole object; pairs with slots.cpp(2)
            if (published* const object = table->slots[i]->object.load(std::memory_order_seq_cst);
                object != nullptr)
                object->run(*object, e);
    state.readers.exit(here);
}

/// With the depth by which calls that would wait for themselves are refused.
void run_on(interrupt_state& state, thread_block& block, siginfo_t& info, void* context,
            std::uint64_t weight) noexcept
{
    block.depth.fetch_add(1, std::memory_order_relaxed); // own thread's
    run(state, &block, info, context, weight);
    block.depth.fetch_sub(1, std::memory_order_relaxed); // own thread's
}

unattached_counts& counts_here(interrupt_state& state) noexcept
{
    return state.unattached[static_cast<unsigned>(sched_getcpu()) % domain::lines];
}

/// By pthread_getspecific(), and where that knows nothing and it matters, by tid: a thread that has just begun to end.
thread_block* block_here(interrupt_state& state, origin from) noexcept
{
    if (thread_block* const block = own_block(state); block != nullptr)
        return block;
    const bool matters =
        from == origin::counted || from == origin::timer || (state.latching && from != origin::unattached);
    return matters ? state.threads.find(gettid()) : nullptr;
}

void take_raise(interrupt_state& state, thread_block* block, origin from, siginfo_t& info, void* context,
                bool latched) noexcept
{
    if (from == origin::unattached) {
        if (block != nullptr)
            run_on(state, *block, info, context, 1);
        else
            run(state, nullptr, info, context, 1);
        counts_here(state).handled.fetch_add(1, std::memory_order_relaxed); // for the books
    }
    if (block == nullptr)
        return;
    if (state.latching ? latched : from == origin::counted) {
        if (from != origin::counted)
            block->absorbed.fetch_add(1, std::memory_order_relaxed); // for the books
        run_on(state, *block, info, context, 1);
        block->end_in_window();
    } else if (from == origin::counted) {
        block->echoes.fetch_add(1, std::memory_order_relaxed); // for the books
    }
}

void take_timer(interrupt_state& state, thread_block* block, siginfo_t& info, void* context) noexcept
{
    const std::uint64_t weight = 1 + static_cast<std::uint64_t>(info.si_overrun);
    if (block == nullptr) {
        counts_here(state).other.fetch_add(weight, std::memory_order_relaxed); // for the books
        return;
    }
    run_on(state, *block, info, context, weight);
    block->expirations.fetch_add(weight, std::memory_order_relaxed); // for the books
    block->timer_events.fetch_add(1, std::memory_order_relaxed);     // for the books
}

/// Of an interrupt (arrive.hpp).
struct interrupt_door {
    struct errno_kept : errno_guard {
        errno_kept(interrupt_state&, const void*) noexcept {}
    };
    static interrupt_state* here(int signo) noexcept { return state_of(signo); }
    static bool take(interrupt_state& state, siginfo_t& info, void* context) noexcept
    {
        const origin from =
            origin_of(info, state.pid.load(std::memory_order_relaxed)); // constant in a process
        thread_block* const block = block_here(state, from);
        const bool latched = state.latching && block != nullptr && block->take_latch();
        take_raise(state, block, from, info, context, latched);
        if (from == origin::timer)
            take_timer(state, block, info, context);
        if (from != origin::stamped && from != origin::foreign && (from != origin::lost || latched))
            return true;
        counts_here(state).foreign.fetch_add(1, std::memory_order_relaxed); // for the books
        return false;
    }
};

} // namespace

void arrive(int signo, siginfo_t* info, void* context) noexcept
{
    arrive<interrupt_door>(signo, info, context);
}

} // namespace runtime
} // namespace nmisim
