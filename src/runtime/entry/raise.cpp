// SPDX-License-Identifier: MIT
//
// A raise is rt_tgsigqueueinfo(2) with our mark. It names the thread by tid, so that a dead one is an answer (ESRCH) and no
// crash. The block of another thread is held meanwhile (held_block.hpp), so the tid stays its own until the signal has
// been sent.
#include "runtime/entry/raise.hpp"

#include "base/errno_guard.hpp"
#include "base/own/own_pid.hpp"
#include "runtime/entry/held_block.hpp"
#include "runtime/entry/send_on.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::runtime {
namespace {

/// 0, or the errno.
int send(interrupt_state& state, pid_t tid, origin mark) noexcept
{
    siginfo_t info{};
    info.si_signo = state.signo;
    info.si_code = SI_QUEUE;
    info.si_pid = state.pid.load(std::memory_order_relaxed); // constant in a process
    info.si_uid = state.uid.load(std::memory_order_relaxed); // as above
    info.si_value.sival_ptr = mark_of(mark);
    return syscall(SYS_rt_tgsigqueueinfo, info.si_pid, tid, state.signo, &info) == 0 ? 0 : errno;
}

raise_result refusal(interrupt_state& state, int error) noexcept
{
    if (error == EAGAIN) {
        state.rejected.fetch_add(1, std::memory_order_relaxed); // for the books
        return raise_result::rejected;
    }
    state.no_thread.fetch_add(1, std::memory_order_relaxed); // for the books
    return raise_result::no_thread;
}

/// A thread's way to be raised; see send_on.hpp.
struct thread_way {
    interrupt_state& state;
    pid_t tid;

    bool latching() const noexcept { return state.latching; }
    static bool has_room(std::uint64_t) noexcept { return true; }
    int send() const noexcept { return runtime::send(state, tid, origin::counted); }
    raise_result refused(int error) const noexcept { return refusal(state, error); }
};

raise_result raise_unattached(interrupt_state& state, pid_t tid) noexcept
{
    const int error = send(state, tid, origin::unattached);
    if (error != 0)
        return refusal(state, error);
    state.unattached_raised.fetch_add(1, std::memory_order_relaxed); // for the books
    return raise_result::raised;
}

bool may_raise(const interrupt_state& state, raise_result& answer) noexcept
{
    if (!state.open.load(std::memory_order_relaxed)) // a flag; what arrives after all finds no table
        answer = raise_result::closed;
    else if (own_pid() != state.pid.load(std::memory_order_relaxed)) // constant in a process
        answer = raise_result::refused_in_child;
    else
        return true;
    return false;
}

} // namespace

raise_result raise(interrupt_state& state, pid_t tid) noexcept
{
    const errno_guard guard;
    raise_result answer{};
    if (!may_raise(state, answer))
        return answer;
    const held_block held(state.threads.find(tid), tid, block_of_this_thread(state));
    return held.get() != nullptr ? send_on(*held.get(), thread_way{state, tid})
                                 : raise_unattached(state, tid);
}

std::uint64_t raise_all(interrupt_state& state) noexcept
{
    const errno_guard guard;
    raise_result answer{};
    std::uint64_t raised = 0;
    if (!may_raise(state, answer))
        return 0;
    const thread_block* const own = block_of_this_thread(state);
    const std::size_t blocks = state.blocks();
    for (std::size_t i = 0; i < blocks; ++i) {
        thread_block& block = state.block(i);
        const pid_t tid = block.tid.load(std::memory_order_relaxed); // looked at again when it is held
        const held_block held(tid != 0 ? &block : nullptr, tid, own);
        if (held.get() != nullptr && send_on(block, thread_way{state, tid}) == raise_result::raised)
            ++raised;
    }
    return raised;
}

} // namespace nmisim::runtime
