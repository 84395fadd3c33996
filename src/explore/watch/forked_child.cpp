// SPDX-License-Identifier: MIT
//
// A process that the window makes, stepped instead of the window. It begins with a copy of the thread that made it, or with
// that thread's own memory (vfork), and so with its stepped_thread: at its first trap it takes that over. The thread that
// made it is stepped up to there, and then goes on by itself. Ends with the process's exec or exit.
#include "explore/step/kernel_action.hpp"
#include "explore/step/stepper.hpp"

#include <sys/syscall.h>

namespace nmisim::explore {

bool stepped_thread::follows_into(int tid) noexcept
{
    if (!is_before_fork() || !has_forked_)
        return false;
    pid_ = tid_ = tid;
    in_forked_ = true;
    static_cast<void>(arch::step_by_flag(false));
    return true;
}

// A child puts all handlers back before it execs: ours stays, unseen. True: the call is made.
bool stepped_thread::keeps_traps(ucontext_t& at, const arch::system_call& call) noexcept
{
    if (call.nr != SYS_rt_sigaction || call.arg[0] != SIGTRAP)
        return false;
    if (auto* before = reinterpret_cast<kernel_action*>(call.arg[2]); before != nullptr)
        *before = {};
    arch::finish_system_call(at, 0);
    return true;
}

} // namespace nmisim::explore
